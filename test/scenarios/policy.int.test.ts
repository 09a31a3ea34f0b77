import { expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { type Projection, withEvents } from '../../src/index.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { capturingLog, openScene, type Scene } from '../support/scene.ts';

/** Fails at every event whose text begins with `bad`. */
function faulty(policy: Projection['policy'] = {}): Projection {
  const { projection } = createLedger({
    handle: (event, row) => {
      if (event.payload.text.startsWith('bad')) throw new Error(`not ${event.payload.text}`);
      return row;
    },
  });
  return { ...withEvents(projection, {}), policy };
}

async function failures(scene: Scene) {
  return await scene.sql`
    SELECT attempts, skipped_by, skip_reason, skipped_at IS NOT NULL AS skipped FROM projection_failures ORDER BY position`;
}

// Seen red with: `>` for `>=` in verdictOf.
test('35: with policy skip and 5, attempts 1 to 4 stop at the event, also over restarts; attempt 5 passes over it', async () => {
  await using scene = await openScene([faulty({ onFailure: 'skip' })]);
  const appended = await scene.append(...noted('good', 1, 1), ...noted('bad', 1, 1), ...noted('after', 1, 1));
  const before = appended[0]?.position;
  // Each start makes one attempt; the next retry would be an hour later.
  for (let attempt = 1; attempt <= 4; attempt++) {
    const daemon = await scene.start({ retryFailedAfterMs: 3_600_000 });
    await untilStatus(daemon, 'ledger', ({ state, failure }) => state === 'failed' && failure?.attempts === attempt);
    expect(await scene.row('ledger')).toMatchObject({ cursor: before, status: 'running' });
    expect(await readLedger(scene.sql)).toEqual(['good1']);
    await daemon.stop();
  }
  const log = capturingLog();
  const daemon = await scene.start({ retryFailedAfterMs: 3_600_000, log });
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['good1', 'after1']);
  const reason = 'the policy skips an event at attempt 5';
  expect(await failures(scene)).toEqual([{ attempts: 5, skipped_by: 'policy', skip_reason: reason, skipped: true }]);
  expect(log.lines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'an event was skipped, as the policy says',
      fields: expect.objectContaining({ projection: 'ledger', position: String(appended[1]?.position), attempts: 5 }),
    }),
  );
  expect(await daemon.status()).toMatchObject([{ state: 'live', failure: null, detail: '1 event was skipped' }]);
  await daemon.send('ledger', 'RESET');
  await untilStatus(daemon, 'ledger', ({ failure }) => failure?.attempts === 1);
});

test('35: with a count of 0 events are skipped at their first failure, one after the other', async () => {
  await using scene = await openScene([faulty()]);
  await scene.append(...noted('bad', 1, 3), ...noted('good', 1, 1), ...noted('bad', 4, 1));
  const daemon = await scene.start({ onFailure: 'skip', maxFailureCount: 0, retryFailedAfterMs: 3_600_000 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['good1']);
  expect(await failures(scene)).toHaveLength(4);
  expect(await daemon.status()).toMatchObject([{ state: 'live', failure: null, detail: '4 events were skipped' }]);
});

// Seen red with: resolvePolicy given the layers the other way round in actors.ts.
test('a projection’s own policy overrides the daemon’s', async () => {
  await using scene = await openScene([faulty({ onFailure: 'halt', retries: 0 })]);
  await scene.append(...noted('bad', 1, 1));
  await scene.start({ onFailure: 'skip', maxFailureCount: 0, retries: 7 });
  await vi.waitFor(async () => expect((await scene.row('ledger')).status).toBe('halted'), { timeout: 20_000 });
  expect(await failures(scene)).toMatchObject([{ attempts: 1, skipped: false }]);
});

// Seen red with: isOurs left out of isTransient (it backs off without end, and no failure is recorded).
test('B, H: a web service that refuses a handler’s request is a failure of its event, not a reason to wait for the database', async () => {
  const { projection } = createLedger({
    handle: () => {
      throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' });
    },
  });
  await using scene = await openScene([projection]);
  await append(scene.sql, noted('a', 1, 1));
  const daemon = await scene.start({ retries: 1 });
  const { failure } = await untilStatus(daemon, 'ledger', ({ failure }) => failure?.attempts === 2);
  expect(failure).toMatchObject({ error: 'connect ECONNREFUSED 127.0.0.1:9', sqlstate: null });
});
