import { expect, test, vi } from 'vitest';
import { createDaemon } from '../../src/index.ts';
import { untilCaughtUp } from '../support/engine.ts';
import { createLedger } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

const { projection } = createLedger();

/** The sessions of a starting daemon that wait for a lock. */
async function waiting({ sql }: Scene): Promise<readonly number[]> {
  const rows = await sql<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity WHERE datname = current_database()
      AND application_name LIKE 'projectionist:%' AND wait_event_type = 'Lock'`;
  return rows.map(({ pid }) => pid);
}

// Seen red with: `passes(error)` treated as false (start ends with `terminating connection`).
test('a start whose session is ended while it waits for a lock is repeated, and succeeds', async () => {
  await using scene = await openScene([projection]);
  const daemon = createDaemon({ projections: [projection], database: { url: scene.database.url }, id: 'start' });
  let started: Promise<void> = Promise.resolve();
  await scene.sql.begin(async (tx) => {
    await tx`LOCK TABLE projection_state IN ACCESS EXCLUSIVE MODE`;
    started = daemon.start();
    started.catch(() => undefined);
    for (let ended = 0; ended < 2; ended++) {
      const pids = await vi.waitUntil(
        async () => {
          const found = await waiting(scene);
          return found.length > 0 ? found : false;
        },
        { timeout: 20_000, interval: 10 },
      );
      for (const pid of pids) await scene.sql`SELECT pg_terminate_backend(${pid})`;
    }
  });
  await started;
  await untilCaughtUp(daemon, scene.sql);
  await daemon.stop();
});

// Seen red with: `signal` not checked (the start is tried again for as long as it may be).
test('a start that waits for its next attempt ends when the daemon is stopped', async () => {
  await using scene = await openScene([projection]);
  const daemon = createDaemon({ projections: [projection], database: { url: scene.database.url }, id: 'start' });
  await scene.sql.begin(async (tx) => {
    await tx`LOCK TABLE projection_state IN ACCESS EXCLUSIVE MODE`;
    const started = daemon.start();
    const refused = expect(started).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
    await vi.waitFor(async () => expect(await waiting(scene)).not.toEqual([]), { timeout: 20_000 });
    const stopped = daemon.stop();
    await refused;
    await stopped;
  });
});
