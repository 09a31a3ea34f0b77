import { randomUUID } from 'node:crypto';
import { Decimal, isExactNumber } from '../core/decimal.ts';

/** Matches text that may hold a number which JavaScript rounds: 16 digits in a row, or 17 digits and points. */
const LONG_NUMBER = /[\d.]{17}|\d{16}/;
/** Matches an exponent that may be out of the range of a double. */
const LONG_EXPONENT = /\d[eE][+-]?\d{3}/;

/**
 * JSON.parse that keeps every number exact: integers beyond 2^53 become bigint, other numbers that no JavaScript number
 * holds exactly become `Decimal`. One scan finds texts that may hold such a number; only those are parsed the slow way. The
 * prefix that marks such a number is random for each text, because an event could contain a fixed one.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return LONG_EXPONENT.test(text) ? parseMarked(text) : parseJsonb(text);
}

/** The same for jsonb, which PostgreSQL writes without exponents; ids in events often look like an exponent. */
export function parseJsonb(text: string): unknown {
  if (text === '{}') return {}; // The metadata of most events.
  return LONG_NUMBER.test(text) ? parseMarked(text) : JSON.parse(text);
}

function parseMarked(text: string): unknown {
  const mark = `${randomUUID()}:`;
  // The pattern of a string has no alternatives, which would push every character on the stack of the regex. The pattern
  // of a number is that of JSON: a looser one would accept text that is no JSON, such as 0123.
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const marked = text.replaceAll(tokens, (token) => {
    if (token.startsWith('"') || (token.length < 16 && !/[eE]/.test(token))) return token;
    if (/^-?[1-9]\d{15,}$/.test(token)) return Number.isSafeInteger(Number(token)) ? token : `"${mark}n${token}"`;
    // A number that JSON does not allow, such as one with a leading zero, is left for JSON.parse to refuse.
    return isExactNumber(token) || /^-?0\d/.test(token) ? token : `"${mark}d${token}"`;
  });
  try {
    const found: { value: unknown } = { value: JSON.parse(marked) };
    reviveNumbers(found, mark);
    return found.value;
  } catch (error) {
    // Invalid JSON is reported with the text as it was given, without the marks.
    JSON.parse(text);
    throw error;
  }
}

/** Without the recursion of a JSON.parse reviver: a value that is nested some thousand levels deep overflows the stack. */
function reviveNumbers(root: object, mark: string): void {
  for (const pending = [root]; ; ) {
    const parent = pending.pop();
    if (parent === undefined) return;
    for (const [key, value] of Object.entries(parent)) {
      if (key.startsWith(mark)) throw new SyntaxError('a number is no name of a field');
      if (typeof value === 'object' && value !== null) pending.push(value);
      else if (typeof value === 'string' && value.startsWith(mark)) {
        const written = value.slice(mark.length + 1);
        Reflect.set(parent, key, value[mark.length] === 'n' ? BigInt(written) : new Decimal(written));
      }
    }
  }
}

const JSON_TEXT = Symbol('JSON text');

/** The text of a JSON value, which `stringifyJson` writes unchanged: a JavaScript number would round long decimals. */
export type JsonText = { readonly [JSON_TEXT]: string };

export function jsonText(text: string): JsonText {
  return { [JSON_TEXT]: text };
}

/** JSON.stringify that writes a bigint and a `Decimal` as exact numbers, and a `JsonText` unchanged. undefined is null. */
export function stringifyJson(value: unknown): string {
  const written: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, JSON_TEXT) : undefined;
  if (typeof written === 'string') return written;
  let mark: string | null = null;
  const text = JSON.stringify(value ?? null, function (this: unknown, key, part: unknown) {
    const number = typeof part === 'bigint' ? String(part) : decimalAt(this, key, part);
    if (number === null) return part;
    mark ??= `${randomUUID()}:`;
    return mark + number;
  });
  return mark === null ? text : text.replaceAll(new RegExp(`"${String(mark)}([^"]+)"`, 'g'), '$1');
}

/** The digits of a Decimal, or null for another value. JSON.stringify passes its text as `part`, from its toJSON. */
function decimalAt(parent: unknown, key: string, part: unknown): string | null {
  if (typeof part !== 'string' || typeof parent !== 'object' || parent === null) return null;
  const value: unknown = Reflect.get(parent, key);
  return value instanceof Decimal ? value.text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1') : null;
}

/** Freezes an event's payload at every level: handlers share it, and none may change it for the next handler. */
export function deepFreeze<T>(value: T): T {
  // Without recursion: a payload may be nested more deeply than the stack allows.
  for (const pending: unknown[] = [value]; pending.length > 0; ) {
    const part = pending.pop();
    // Only a schema can make a typed array. Object.freeze throws for one.
    if (typeof part !== 'object' || part === null || Object.isFrozen(part) || ArrayBuffer.isView(part)) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) if (typeof inner === 'object') pending.push(inner);
  }
  return value;
}
