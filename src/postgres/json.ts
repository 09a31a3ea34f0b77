import { randomUUID } from 'node:crypto';
import { Decimal, isExactNumber } from '../core/decimal.ts';

/** Where a number could be one that JavaScript rounds: 16 digits in a row, or as many around a point. */
const LONG_NUMBER = /[\d.]{17}|\d{16}/;
/** An exponent that a double may not have. */
const LONG_EXPONENT = /\d[eE][+-]?\d{3}/;

/**
 * JSON.parse that keeps every number exact: integers beyond 2^53 as bigint, other numbers that no JavaScript number holds
 * as `Decimal`. The check is one scan; only text that may hold such a number is parsed the slow way. What marks one in
 * between is new each time: a fixed mark could be the text of an event.
 */
export function parseJson(text: string): unknown {
  return LONG_EXPONENT.test(text) ? parseMarked(text) : parseJsonb(text);
}

/** The same for jsonb, which is written without exponents: the ids of an event often look like one. */
export function parseJsonb(text: string): unknown {
  if (text === '{}') return {}; // The metadata of most events.
  return LONG_NUMBER.test(text) ? parseMarked(text) : JSON.parse(text);
}

function parseMarked(text: string): unknown {
  const mark = `${randomUUID()}:`;
  // The pattern of a string is written out without alternatives, which would keep every character on the regex's stack.
  // That of a number is JSON's: a looser one would make JSON of what is none, as 0123.
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const marked = text.replaceAll(tokens, (token) => {
    if (token.startsWith('"') || (token.length < 16 && !/[eE]/.test(token))) return token;
    if (/^-?[1-9]\d{15,}$/.test(token)) return Number.isSafeInteger(Number(token)) ? token : `"${mark}n${token}"`;
    // What JSON does not allow, such as a leading zero, is for JSON.parse to refuse.
    return isExactNumber(token) || /^-?0\d/.test(token) ? token : `"${mark}d${token}"`;
  });
  try {
    const found: { value: unknown } = { value: JSON.parse(marked) };
    reviveNumbers(found, mark);
    return found.value;
  } catch (error) {
    // What is no JSON is named as it was written, without the marks.
    JSON.parse(text);
    throw error;
  }
}

/** Without recursion, which JSON.parse's own reviver uses: a value nested some thousand deep would end on the stack. */
function reviveNumbers(root: object, mark: string): void {
  for (const rest = [root]; ; ) {
    const parent = rest.pop();
    if (parent === undefined) return;
    for (const [key, value] of Object.entries(parent)) {
      if (key.startsWith(mark)) throw new SyntaxError('a number is no name of a field');
      if (typeof value === 'object' && value !== null) rest.push(value);
      else if (typeof value === 'string' && value.startsWith(mark)) {
        const written = value.slice(mark.length + 1);
        Reflect.set(parent, key, value[mark.length] === 'n' ? BigInt(written) : new Decimal(written));
      }
    }
  }
}

const JSON_TEXT = Symbol('JSON text');

/** A JSON value as it was written, for `stringifyJson` to pass on: a JavaScript number would round its long decimals. */
export type JsonText = { readonly [JSON_TEXT]: string };

export function jsonText(text: string): JsonText {
  return { [JSON_TEXT]: text };
}

/** JSON.stringify that writes a bigint and a `Decimal` as the exact number it is, and a `JsonText` as it was written. */
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

/** JSON.stringify has made a text of it already, by its toJSON. */
function decimalAt(parent: unknown, key: string, part: unknown): string | null {
  if (typeof part !== 'string' || typeof parent !== 'object' || parent === null) return null;
  const value: unknown = Reflect.get(parent, key);
  return value instanceof Decimal ? value.text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1') : null;
}

/** Freezes an event's payload all the way down: handlers share it, and one must not change what the next one sees. */
export function deepFreeze<T>(value: T): T {
  // Without recursion: a payload may be nested deeper than the stack goes.
  for (const rest: unknown[] = [value]; rest.length > 0; ) {
    const part = rest.pop();
    // The bytes of a typed array, which only a schema can make, cannot be frozen: trying to would throw.
    if (typeof part !== 'object' || part === null || Object.isFrozen(part) || ArrayBuffer.isView(part)) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) if (typeof inner === 'object') rest.push(inner);
  }
  return value;
}
