import { randomUUID } from 'node:crypto';

/**
 * JSON.parse that keeps integers beyond 2^53 exact, as bigint. The check is one scan for a run of 16 digits; only text
 * that has one is parsed the slow way. What marks a big integer in between is new each time: a fixed mark could be the
 * text of an event.
 */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const mark = `${randomUUID()}:`;
  // The pattern of a string is written out without alternatives, which would keep every character on the regex's stack.
  const marked = text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    /^-?[1-9]\d{15,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token,
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** JSON.stringify that writes a bigint as the exact number it is. */
export function stringifyJson(value: unknown): string {
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
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
