import { expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/follower.ts';
import { runOrdering } from '../support/ordering-run.ts';

// Seen red with: pg_advisory_unlock_shared in place of the lock in the trigger; `announced: []` in head.ts. (The order of
// the look's statements leaves too small a gap for this: see test/event-store/high-water-mark.unit.test.ts.)
test.each([
  { writers: 12, transactions: 25, seed: 7 },
  { writers: 40, transactions: 8, seed: 7 },
])(
  'A3: a reader loses nothing and disorders nothing while $writers writers append in every awkward way',
  async (options) => {
    const run = await runOrdering(options);
    expect(run.store).toEqual(NOTHING_WRONG);
    expect(run.engine).toEqual(NOTHING_WRONG);
    expect(run.headFell).toBe(false);

    // The run was worth something: each kind of trouble happened, the reader read in the middle of it, and the plain way
    // of reading lost events.
    for (const [kind, times] of Object.entries(run.tally)) expect(times, kind).toBeGreaterThan(0);
    expect(run.stored).toBeGreaterThan(200);
    expect(run.pagesWhileOpen).toBeGreaterThan(5);
    expect(run.pollsHeld).toBeGreaterThan(5);
    expect(run.plain.lost).toBeGreaterThan(5);
  },
);
