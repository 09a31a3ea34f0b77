import { type JsonText, jsonText, parseJson } from '../postgres/json.ts';

/** Escapes of what PostgreSQL's text and jsonb cannot hold, NUL and halves of surrogate pairs. */
const UNSTORABLE = /\\u(0000|d[89a-f])/i;

/**
 * Reads a line's JSON as the store reads its own, and refuses what the store could not give back as it came.
 * @throws SyntaxError with what is wrong
 */
export function parseExactJson(text: string): unknown {
  const value = parseJson(text);
  if (UNSTORABLE.test(text)) checkStorable(value);
  return value;
}

/** A number with more digits than a double holds, or near zero. What merely looks like one does no harm. */
const LONG_NUMBER = /[\d.]{17}|[eE]-\d{3}/;

/** The field's value as it is written, if reading it could round a number in it; else null. `text`: a JSON object. */
export function exactField(text: string, field: string): JsonText | null {
  if (!LONG_NUMBER.test(text)) return null;
  let depth = 0;
  let lastString = '';
  let from: number | null = null;
  let found: JsonText | null = null;
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    if (token === '}' || token === ']') depth -= 1;
    const ends = depth === 0 || (depth === 1 && token === ',');
    if (ends && from !== null) {
      // Of a field that is there twice the last one counts, as everywhere.
      found = jsonText(text.slice(from, index));
      from = null;
    }
    if (token === '{' || token === '[') depth += 1;
    else if (depth === 1 && token === ':') from = JSON.parse(lastString) === field ? index + 1 : null;
    else if (token.startsWith('"')) lastString = token;
  }
  return found;
}

function checkStorable(value: unknown): void {
  if (typeof value === 'string') checkText(value);
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
