import { addDecimals, Decimal, isDecimalText, isExactNumber, plainDecimal } from '../../core/decimal.ts';
import { type Change, OPERATOR } from '../../core/statement.ts';
import { plain, textOf } from '../plain-value.ts';
import type { ChangeDefinition, Combine } from './change-definition.ts';
import { invalidChange } from './invalid-change.ts';

interface Increment extends Change {
  readonly change: 'increment';
  /** A string is an exact decimal number. */
  readonly by: number | bigint | string;
}

/**
 * Adds the amount to the column's number. NULL, and a row that an upsert inserts, count as 0. Default 1. Give amounts
 * beyond 2^53 as bigint, and exact decimal amounts as text (`'12.50'`) for a numeric column, which adds them exactly.
 * @throws EngineError CHANGE_INVALID if it is no exact amount, such as NaN from a field that the payload lacks
 */
export function increment(by: number | bigint | string | Decimal = 1): Increment {
  if (by instanceof Decimal) return { [OPERATOR]: true, change: 'increment', by: by.text };
  if (typeof by === 'string') {
    if (!isDecimalText(by)) throw invalidChange('increment', by, "as text give a decimal number, such as '12.50'");
  } else if (typeof by !== 'bigint') {
    if (!Number.isFinite(by))
      throw invalidChange('increment', by, 'give a number, a bigint or a decimal number as text');
    if (Number.isInteger(by) && !Number.isSafeInteger(by))
      throw invalidChange('increment', by, 'beyond 2^53 a number is not exact, give a bigint');
  }
  return { [OPERATOR]: true, change: 'increment', by };
}

export const incrementChange: ChangeDefinition<Increment> = {
  name: 'increment',
  parameter: ({ by }) => by,
  inNewRow: (parameter) => parameter,
  inRow: (current, parameter) => `coalesce(${current}, 0) + ${parameter}`,
  inMemory: (current, { by }) => sum(current ?? 0, by),
  fold: {
    operand: ({ by }) => by,
    inNewRow: (operand) => operand,
    combine: new Map<string, Combine>([
      ['int2', (current, by) => addIntegers(current, by, 2n ** 15n)],
      ['int4', (current, by) => addIntegers(current, by, 2n ** 31n)],
      ['int8', (current, by) => addIntegers(current, by, 2n ** 63n)],
      ['numeric', (current, by) => addDecimals(current ?? '0', by)],
      ['float8', addDoubles],
    ]),
  },
};

function addIntegers(current: string | null, by: string, limit: bigint): string | undefined {
  const added = BigInt(current ?? '0') + BigInt(by);
  return added >= -limit && added < limit ? String(added) : undefined;
}

function addDoubles(current: string | null, by: string): string | undefined {
  const added = Number(current ?? '0') + Number(by);
  return Number.isFinite(added) ? String(added) : undefined;
}

/**
 * Adds decimal texts exactly, as a numeric column does, and two JavaScript numbers with fractions as double precision
 * does.
 */
function sum(current: unknown, by: number | bigint | string): unknown {
  if (isWhole(current) && isWhole(by)) return plain(BigInt(current) + BigInt(by));
  if (typeof current === 'number' && typeof by === 'number') return current + by;
  const exact = addDecimals(written(current), written(by));
  // PostgreSQL refuses to add to such a value.
  if (exact === undefined)
    throw Object.assign(new Error(`nothing can be added to ${textOf(current)}`), { code: '22P02' });
  return plainNumber(exact);
}

function written(value: unknown): string {
  return plainDecimal(String(value)) ?? '';
}

/** The form that equal numbers share: a JavaScript number if it holds the value exactly. */
function plainNumber(text: string): unknown {
  const number = Number(text);
  if (Number.isSafeInteger(number) || (!Number.isInteger(number) && isExactNumber(text))) return number;
  return text.includes('.') ? new Decimal(text) : BigInt(text);
}

function isWhole(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}
