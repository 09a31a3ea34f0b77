import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { eventsSql } from '../../src/event-store/event-source.ts';
import { lookup, none } from '../../src/index.ts';
import { setPaused } from '../../src/operations/pause.ts';
import { isLockNotAvailable } from '../../src/postgres/errors.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { resolveLookup } from '../../src/projector/lookups.ts';
import { noteStart } from '../../src/state/attempts.ts';
import { advance, lockState } from '../../src/state/projection-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { createLedger } from '../support/noted-ledger.ts';

let database: TestDatabase;
let sql: Sql;
const names = ['as_planned', 'moved_on', 'was_reset', 'held'];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(
    database,
    names.map((name) => createLedger({ name }).projection),
  );
});
beforeEach(
  async () =>
    await sql`UPDATE projection_state SET cursor = 0, generation = 0, starts = 2, status = 'running', resume_to = 'running'`,
);
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const rows = async () =>
  await sql`SELECT name, cursor, starts FROM projection_state ORDER BY array_position(${names}::text[], name)`;

/** Resolves when a session of this database waits for a lock. */
const untilWaiting = () =>
  vi.waitFor(async () => {
    const waiting = await database.sql`
      SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    expect(waiting).not.toEqual([]);
  });

// Seen red with: NOWAIT taken out of lockState (every page of a standby daemon waits behind the active one).
test('a page does not wait for a row that is locked', async () => {
  const held = await sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'held' FOR UPDATE`;
    const locking = sql.begin(async (other) => await lockState(other, 'held')).catch((error: unknown) => error);
    return await Promise.race([locking, untilWaiting().then(() => 'it waits')]);
  });
  expect(isLockNotAvailable(held)).toBe(true);
});

// Seen red with: `starts = 0` left out of the move (after three restarts each event is applied alone for ever).
test('once a projection has moved, its starts are counted from 0 again', async () => {
  await sql.begin(async (tx) => {
    const { xid = '' } = (await lockState(tx, 'held')) ?? {};
    await advance(tx, eventsSql, {
      name: 'held',
      from: 0n,
      to: 3n,
      generation: 0n,
      owner: 'test',
      newest: null,
      knownTo: 3n,
      xid,
    });
  });
  expect(await rows()).toContainEqual({ name: 'held', cursor: 3n, starts: 0 });
});

// Seen red with: `owner !== context.name` left out of resolveLookup (a projection waits for itself, for ever).
test('a look-up in a projection’s own table that finds nothing is final: a projection does not wait for itself', async () => {
  const owners = new Map([['held', 'held']]);
  const nothing = await sql.begin(async (tx) => {
    const context = { tx, owners, name: 'held', index: 0, position: 7n };
    const query = { select: 'text', where: { text: 'none' } };
    await expect(resolveLookup(lookup('held', query, none), context)).rejects.toMatchObject({ code: 'LOOKUP_MISSED' });
    return await resolveLookup(lookup('held', { ...query, onMissing: 'nothing' }, none), context);
  });
  expect(nothing).toBeNull();
});

const pause = (paused: boolean) => setPaused(sql, { name: 'held', paused, owner: 'test', command: null });

// Seen red with: `WHEN status = 'paused' THEN resume_to` left out of resume_to (the second PAUSE keeps it paused for ever)
// and out of status (a RESUME of what is not paused takes its halt back).
test('a halt outlives any number of PAUSE and RESUME, and only a paused row is resumed', async () => {
  await sql`UPDATE projection_state SET status = 'halted' WHERE name = 'held'`;
  expect(await pause(false)).toBe('halted');
  expect(await pause(true)).toBe('paused');
  expect(await pause(true)).toBe('paused');
  expect(await pause(false)).toBe('halted');
  expect(await pause(false)).toBe('halted');
});

// Seen red with: the condition on the cursor, and on the status, left out of noteStart.
test('a start is counted only if there are events to apply and the row is not locked', async () => {
  await sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    SELECT 'test.Stream', 'a', n, 'Noted', '{}' FROM generate_series(1, 3) AS n`;
  await sql`UPDATE projection_state SET cursor = 99 WHERE name = 'moved_on'`;
  await sql`UPDATE projection_state SET status = 'paused' WHERE name = 'was_reset'`;
  const notes = await sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'held' FOR UPDATE`;
    return await Promise.race([noteStart(sql, names), untilWaiting()]);
  });
  expect(notes).toEqual(
    new Map([
      ['as_planned', { name: 'as_planned', starts: 3, position: null, deaths: 0, halted: false }],
      ['held', { name: 'held', starts: 2, position: null, deaths: 0, halted: false }],
    ]),
  );
});

// Seen red with: `deaths + 1` for `deaths + running::int` (a death is counted for an event whose attempt had ended).
test('a start counts a death only for the event whose attempt was under way when the last process ended', async () => {
  await sql`
    INSERT INTO projection_attempts (name, position, event_id, event_name, running)
    SELECT 'held', position, id, name, true FROM events ORDER BY position LIMIT 1`;
  expect((await noteStart(sql, ['held'])).get('held')).toMatchObject({ deaths: 1 });
  expect((await noteStart(sql, ['held'])).get('held')).toMatchObject({ deaths: 1 });
});
