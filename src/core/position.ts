import { EngineError } from './errors.ts';

const MAX_POSITION = 2n ** 63n - 1n;

/** Regular expression of a position as text, without the upper bound of 2^63 - 1. */
export const POSITION_PATTERN = '^(0|[1-9]\\d{0,18})$';
const DECIMAL = new RegExp(POSITION_PATTERN);

/** @returns the position, or null where `text` is not a decimal string from 0 to 2^63 - 1 */
export function positionOrNull(text: string): bigint | null {
  if (!DECIMAL.test(text)) return null;
  const position = BigInt(text);
  return position <= MAX_POSITION ? position : null;
}

/**
 * Reads a position from outside: a decimal string from 0 to 2^63 - 1, without sign and leading zeros. It takes no number,
 * since a JavaScript number loses digits above 2^53.
 * @throws EngineError CONFIG_INVALID
 */
export function parsePosition(text: string): bigint {
  const position = positionOrNull(text);
  if (position !== null) return position;
  const reason = DECIMAL.test(text) ? `${text} is above 2^63 - 1` : `'${text.slice(0, 40)}' is not a decimal string`;
  throw new EngineError('CONFIG_INVALID', { setting: 'position', reason });
}

/** Positions between the cursor and the high-water mark; null where the mark is not known. */
export function lagBehind(head: bigint | null, cursor: bigint): bigint | null {
  if (head === null) return null;
  return head > cursor ? head - cursor : 0n;
}
