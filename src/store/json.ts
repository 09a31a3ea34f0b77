import { randomUUID } from 'node:crypto';

/**
 * JSON.parse that keeps integers beyond 2^53 exact, as bigint. A decimal too large for any JavaScript number is its text:
 * Infinity would be written on as if it were the value. The check is one scan for a run of 16 digits; only text that has
 * one is parsed the slow way (jsonb writes its numbers without exponents). What marks a big integer in between is new each time: a fixed mark could be the
 * text of an event.
 */
export function parseJson(text: string): unknown {
  if (text === '{}') return {}; // The metadata of most events.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const mark = `${randomUUID()}:`;
  // The pattern of a string is written out without alternatives, which would keep every character on the regex's stack.
  const marked = text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => {
    if (token.startsWith('"')) return token;
    const number = Number(token);
    if (/^-?[1-9]\d{15,}$/.test(token)) return Number.isSafeInteger(number) ? token : `"${mark}${token}"`;
    return Number.isFinite(number) ? token : `"${token}"`;
  });
  const found: { value: unknown } = { value: JSON.parse(marked) };
  reviveIntegers(found, mark);
  return found.value;
}

/** Without recursion, which JSON.parse's own reviver uses: a value nested some thousand deep would end on the stack. */
function reviveIntegers(root: object, mark: string): void {
  for (const rest = [root]; ; ) {
    const parent = rest.pop();
    if (parent === undefined) return;
    for (const [key, value] of Object.entries(parent)) {
      if (typeof value === 'object' && value !== null) rest.push(value);
      else if (typeof value === 'string' && value.startsWith(mark)) {
        Reflect.set(parent, key, BigInt(value.slice(mark.length)));
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

/** JSON.stringify that writes a bigint as the exact number it is, and a `JsonText` as it was written. */
export function stringifyJson(value: unknown): string {
  const written: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, JSON_TEXT) : undefined;
  if (typeof written === 'string') return written;
  let mark: string | null = null;
  const text = JSON.stringify(value ?? null, (_key, part: unknown) => {
    if (typeof part !== 'bigint') return part;
    mark ??= `${randomUUID()}:`;
    return mark + part.toString();
  });
  return mark === null ? text : text.replaceAll(new RegExp(`"${String(mark)}(-?\\d+)"`, 'g'), '$1');
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
