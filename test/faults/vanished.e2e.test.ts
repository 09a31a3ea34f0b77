import { expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { compileVictims } from '../support/victims.ts';

/** Slightly below the time limit of a statement. Without the check of the connection the server would run it for that long. */
const SLEEP_SECONDS = 9;

// Seen red with: client_connection_check_interval left out of LIVENESS (the row was free after 9 s).
test('B11: after a daemon is killed during a long statement, the server ends the statement and the row is unlocked', async () => {
  await using database = await createTestDatabase();
  await using victims = await compileVictims();
  const sql = await openStore(database, []);
  const [{ linux }] = await sql<[{ linux: boolean }]>`SELECT version() LIKE '%linux%' AS linux`;
  await append(sql, [{ aggregateName: 'A', aggregateId: 'a', sequenceNo: 1, name: 'Slept', payload: {} }]);
  const victim = victims.start({ url: database.url, bulkLimit: 10, killAt: null, sleepSeconds: SLEEP_SECONDS });
  const asleep = async () =>
    await sql<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`;
  const lock = () => sql`SELECT FROM projection_state WHERE name = 'sleeper' FOR UPDATE NOWAIT`;
  await vi.waitFor(async () => expect(await asleep()).toHaveLength(1), { timeout: 60_000, interval: 5 });
  await expect(lock()).rejects.toMatchObject({ code: '55P03' });

  victim.kill();
  const killedAt = performance.now();
  await victim.ended;
  // On other systems the server detects the lost client only at the end of the statement.
  await vi.waitFor(lock, { timeout: linux ? 5000 : 15_000, interval: 5 });
  console.log(`free ${Math.round(performance.now() - killedAt)} ms after the kill`);
  expect(await asleep()).toEqual([]);
  await sql.end();
});
