import { expect, test } from 'vitest';
import { runKills } from '../support/kill-run.ts';

test('B1, B2: rows and positions stay consistent through two hundred and twenty kills', async () => {
  const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 2 ** 32);
  console.log(`SOAK_SEED=${seed}`);
  const hits = await runKills({ kills: 220, seed, eventsPerCycle: 60 });
  console.log(`killed at ${JSON.stringify(hits)}`);
  expect(hits['rows-written'] + hits['cursor-moved']).toBeGreaterThanOrEqual(50);
  expect(hits['commit-reply']).toBeGreaterThanOrEqual(50);
});
