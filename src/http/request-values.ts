import { z } from 'zod';
import { POSITION_PATTERN, parsePosition, positionOrNull } from '../core/position.ts';

/** A number in a query. `what` is the reason of the refusal: `is a whole number …`. */
export function wholeNumber(max: number, what: string) {
  const isOne = (text: string): boolean => /^\d{1,9}$/.test(text) && Number(text) <= max;
  return z
    .string({ error: what })
    .refine(isOne, { error: what })
    .transform(Number)
    .meta({ pattern: '^\\d{1,9}$', description: what });
}

/** A position of an event: a decimal string outside, a bigint inside. */
export function position(what: string) {
  const error = 'is a position, in decimal digits';
  return z
    .string({ error })
    .refine((text) => positionOrNull(text) !== null, { error })
    .transform(parsePosition)
    .meta({ pattern: POSITION_PATTERN, description: what });
}
