import { toParameter } from './parameters.ts';

const SHOWN = 2000;

/** A parameter as it would be written in psql; null is NULL. What is longer than 2000 characters is cut, and says so. */
export function toLiteral(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value)) return String(value);
  const text = textOf(value);
  if (text.length <= SHOWN) return quote(text);
  return `${quote(`${text.slice(0, SHOWN)}…`)} (${text.length} characters)`;
}

/** What is no value is refused when the statement is sent; here it only has to be shown. */
function textOf(value: unknown): string {
  try {
    const text = toParameter(value);
    return Buffer.isBuffer(text) ? `\\x${text.toString('hex')}` : String(text);
  } catch {
    return typeof value;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
