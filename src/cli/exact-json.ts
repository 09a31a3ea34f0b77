import { parseJson } from '../store/json.ts';

/** Escapes of what PostgreSQL's text and jsonb cannot hold, NUL and halves of surrogate pairs. */
const UNSTORABLE = /\\u(0000|d[89a-f])/i;
/** Could be Infinity once it is a double. */
const HUGE = /\d{300}|[eE]\+?\d{3}/;

/**
 * Reads a line's JSON as the store reads its own, and refuses what the store could not give back as it came.
 * @throws SyntaxError with what is wrong
 */
export function parseExactJson(text: string): unknown {
  const value = parseJson(text);
  if (UNSTORABLE.test(text) || HUGE.test(text)) checkStorable(value);
  return value;
}

function checkStorable(value: unknown): void {
  if (typeof value === 'string') checkText(value);
  else if (typeof value === 'number' && !Number.isFinite(value)) throw new SyntaxError('a number is out of range');
  else if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      checkText(key);
      checkStorable(part);
    }
  }
}

function checkText(text: string): void {
  if (text.includes('\0')) throw new SyntaxError('a text holds \\u0000, which PostgreSQL cannot store');
  if (/\p{Surrogate}/u.test(text)) throw new SyntaxError('a text holds half of a surrogate pair');
}
