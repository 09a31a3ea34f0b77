import { expect, test } from 'vitest';
import { runKills } from '../support/kill-run.ts';

// Seen red with: rows and cursor committed in two transactions, at the first kill between COMMIT and its reply; commandDone
// on the pool, after the reset's transaction (more generations than commands).
test('B1, B2: rows and positions stay consistent through twenty-six kills, and every accepted reset is carried out once (D2)', async () => {
  const hits = await runKills({ kills: 26, seed: 1, eventsPerCycle: 120 });
  console.log(`killed at ${JSON.stringify(hits)}`);
  expect(Object.entries(hits).filter(([, count]) => count === 0)).toEqual([]);
  expect(hits['rows-written'] + hits['cursor-moved']).toBeGreaterThanOrEqual(5);
  expect(hits['commit-reply']).toBeGreaterThanOrEqual(5);
  for (const point of ['reset-locked', 'reset-begun', 'reset-emptied', 'reset-reply'] as const)
    expect(hits[point], point).toBeGreaterThanOrEqual(2);
  // Twenty-seven processes, one after the other: each takes a second, or ten on a busy machine.
}, 600_000);
