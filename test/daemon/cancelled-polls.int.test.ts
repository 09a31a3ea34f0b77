import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilApplied } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

const { projection } = createLedger({ name: 'ledger' });
/** The sessions of the daemon's pools, and the one that listens. */
const PLACES = 15;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene([projection]);
  // A statement of the start that is costly by estimate only would be compiled, for longer than an answer may take here.
  const [{ name }] = await scene.sql<[{ name: string }]>`SELECT current_database() AS name`;
  await scene.sql.unsafe(`ALTER DATABASE ${name} SET jit = off`);
});
afterAll(() => scene[Symbol.asyncDispose]());

async function sessions(id: string): Promise<number> {
  const [{ count }] = await scene.sql<[{ count: number }]>`
    SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()
      AND (application_name LIKE ${`projectionist:%:${id}`} OR application_name LIKE ${`proj:${id}:%`})`;
  return count;
}

// Seen red with: `cancelRequest` left out of AnswerWatch, the session destroyed instead (26 sessions after 2.5
// seconds, and one more for each poll that is abandoned).
test('while another session locks the events, a daemon that abandons its polls has no more sessions than its pools allow', async () => {
  const timeouts = { answerMs: 1000, headAnswerMs: 100 };
  const daemon = await scene.start({ timeouts, requeueEveryMs: 20 });
  await scene.append(...noted('a', 1, 1));
  await untilApplied(daemon, scene.sql);
  let most = 0;
  await scene.database.sql.begin(async (holder) => {
    await holder`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`;
    const asked = daemon.status().catch(() => undefined);
    const until = performance.now() + 2500;
    while (performance.now() < until) {
      most = Math.max(most, await sessions(daemon.id));
    }
    await asked;
  });
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(PLACES);
  await scene.append(...noted('a', 2, 1));
  await untilApplied(daemon, scene.sql);
  expect(await sessions(daemon.id)).toBeLessThanOrEqual(PLACES);
});
