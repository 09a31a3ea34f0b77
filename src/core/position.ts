import { EngineError } from './errors.ts';

const MAX = 2n ** 63n - 1n;

/** Reads a position from outside: a decimal string, 0 to 2^63 - 1. A number would lose digits above 2^53. */
export function parsePosition(text: string): bigint {
  if (!/^(0|[1-9]\d{0,18})$/.test(text)) {
    throw new EngineError('CONFIG_INVALID', {
      setting: 'position',
      reason: `'${text.slice(0, 40)}' is not a decimal string`,
    });
  }
  const position = BigInt(text);
  if (position > MAX)
    throw new EngineError('CONFIG_INVALID', { setting: 'position', reason: `${text} is above 2^63 - 1` });
  return position;
}
