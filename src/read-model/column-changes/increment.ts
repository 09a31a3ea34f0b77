import { addDecimals, Decimal, isDecimalText, isExactNumber, plainDecimal } from '../../core/decimal.ts';
import { type Change, OPERATOR } from '../../core/statement.ts';
import { plain, textOf } from '../plain-value.ts';
import type { ChangeDefinition, Combine } from './change-definition.ts';
import { invalidChange } from './invalid-change.ts';

interface Increment extends Change {
  readonly change: 'increment';
  /** A text is a decimal number, exact. */
  readonly by: number | bigint | string;
}

/**
 * The column's number plus this one; NULL, and a row that an upsert has to make, count as 0. Give amounts beyond 2^53 as
 * bigint, and decimal amounts that are to be exact as text (`'12.50'`) into a numeric column, which adds them exactly.
 * @throws EngineError CHANGE_INVALID for what is no amount, such as NaN out of a field that the payload lacks
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
  inNewRow: (given) => given,
  inRow: (current, given) => `coalesce(${current}, 0) + ${given}`,
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
 * Amounts that are text are added to every digit, as by a numeric column; two fractions that are JavaScript numbers as by
 * double precision.
 */
function sum(current: unknown, by: number | bigint | string): unknown {
  if (isWhole(current) && isWhole(by)) return plain(BigInt(current) + BigInt(by));
  if (typeof current === 'number' && typeof by === 'number') return current + by;
  const exact = addDecimals(written(current), written(by));
  // Where nothing can be added PostgreSQL refuses the statement.
  if (exact === undefined)
    throw Object.assign(new Error(`nothing can be added to ${textOf(current)}`), { code: '22P02' });
  return plainNumber(exact);
}

function written(value: unknown): string {
  return plainDecimal(String(value)) ?? '';
}

/** In the form that equal numbers share: a number where it is one exactly. */
function plainNumber(text: string): unknown {
  const number = Number(text);
  if (Number.isSafeInteger(number) || (!Number.isInteger(number) && isExactNumber(text))) return number;
  return text.includes('.') ? new Decimal(text) : BigInt(text);
}

function isWhole(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}
