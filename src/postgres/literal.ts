import { toParameter } from './parameters.ts';

const MAX_CHARACTERS = 2000;

/** A parameter as a literal for psql; null for NULL. A text of more than 2000 characters is cut, with its length added. */
export function toLiteral(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value)) return String(value);
  const text = textOf(value);
  if (text.length <= MAX_CHARACTERS) return quote(text);
  return `${quote(`${text.slice(0, MAX_CHARACTERS)}…`)} (${text.length} characters)`;
}

/** An invalid value is shown by its type. It is refused when the statement is sent. */
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
