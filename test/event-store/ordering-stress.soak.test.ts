import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/follower.ts';
import { runOrdering } from '../support/ordering-run.ts';

const FIXED = [1, 2, 7, 11, 12];
const FRESH = Array.from({ length: 5 }, () => randomInt(2 ** 32));
console.log(`fresh seeds of the ordering soak: ${FRESH.join(', ')}`);

for (const seed of [...FIXED, ...FRESH]) {
  test.each([
    { writers: 12, transactions: 150 },
    { writers: 40, transactions: 45 },
  ])(`A3: seed ${seed}: nothing lost, nothing disordered with $writers writers`, async (options) => {
    const run = await runOrdering({ ...options, seed });
    console.log(`seed ${seed}, ${options.writers} writers:`, run);
    expect(run.store).toEqual(NOTHING_WRONG);
    expect(run.engine).toEqual(NOTHING_WRONG);
    expect(run.headFell).toBe(false);
    expect(run.plain.lost).toBeGreaterThan(0);
  });
}
