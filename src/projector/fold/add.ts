import { addDecimals } from '../../core/decimal.ts';

/**
 * Adds to a number as PostgreSQL would, on the texts it writes: NULL counts as 0, integers keep to their range, numeric
 * keeps every digit and the longer fraction, double precision rounds as IEEE says.
 * @returns undefined where PostgreSQL would refuse the sum, or where it is not certain what it would make of it
 */
export function add(plainType: string | null, current: string | null, by: string): string | undefined {
  return ADDERS.get(plainType)?.(current ?? '0', by);
}

/** PostgreSQL refuses to add to any other type, whatever the value and even if there is no row. */
export function canAdd(plainType: string | null): boolean {
  return ADDERS.has(plainType);
}

type Adder = (current: string, by: string) => string | undefined;

const ADDERS: ReadonlyMap<string | null, Adder> = new Map<string, Adder>([
  ['int2', (current, by) => addIntegers(current, by, 2n ** 15n)],
  ['int4', (current, by) => addIntegers(current, by, 2n ** 31n)],
  ['int8', (current, by) => addIntegers(current, by, 2n ** 63n)],
  ['numeric', addDecimals],
  ['float8', addDoubles],
]);

function addIntegers(current: string, by: string, limit: bigint): string | undefined {
  const sum = BigInt(current) + BigInt(by);
  return sum >= -limit && sum < limit ? String(sum) : undefined;
}

function addDoubles(current: string, by: string): string | undefined {
  const sum = Number(current) + Number(by);
  return Number.isFinite(sum) ? String(sum) : undefined;
}
