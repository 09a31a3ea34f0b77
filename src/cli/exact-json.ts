import { type JsonText, jsonText, parseJson } from '../postgres/json.ts';

/** Escapes of the characters that PostgreSQL's text and jsonb cannot hold: NUL and halves of surrogate pairs. */
const UNSTORABLE = /\\u(0000|d[89a-f])/i;

/**
 * Parses a line with the parser of the store, and refuses values that the store could not give back unchanged.
 * @throws SyntaxError with the reason
 */
export function parseExactJson(text: string): unknown {
  const value = parseJson(text);
  if (UNSTORABLE.test(text)) checkStorable(value);
  return value;
}

/** A number with more digits than a double holds, or near zero. A text that matches costs one scan of the line. */
const LONG_NUMBER = /[\d.]{17}|[eE]-\d{3}/;

/**
 * The text of a field's value where a parser could round a number in it; else null.
 * @param text a JSON object
 */
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
      // The last one of two fields with one name counts, as in JSON.parse.
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
