import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { CommandRequest } from '../../src/core/command.ts';
import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { OPERATOR_EVENTS } from '../../src/core/operator-commands/command-registry.ts';
import { setPaused } from '../../src/operations/pause.ts';
import { reset } from '../../src/operations/reset.ts';
import { skipEvent } from '../../src/operations/skip.ts';
import { isLockNotAvailable } from '../../src/postgres/errors.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import {
  CommandEnded,
  commandDone,
  pendingCommands,
  readCommand,
  refuseCommand,
  refuseUnknown,
  storeCommand,
  tidyCommands,
} from '../../src/state/commands.ts';
import { listFailures, readFailures, readHalt, recordFailure } from '../../src/state/failures.ts';
import { registerPublisher } from '../../src/state/projection-state.ts';
import { readTransitions, storeTransitions } from '../../src/state/transitions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyStore } from '../support/empty-store.ts';
import { openStore } from '../support/engine.ts';
import { createLedger } from '../support/noted-ledger.ts';
import { gate } from '../support/scene.ts';

const { projection } = createLedger();
let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, [projection]);
});
beforeEach(async () => {
  await emptyStore(sql, [projection]);
});
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

/** Stores a command. @returns it as the command runner reads it */
async function pending(request: Partial<CommandRequest> = {}) {
  const id = randomUUID();
  await storeCommand(sql, { name: 'ledger', event: 'RESET', by: 'test', ...request, id }, 'first');
  const found = (await pendingCommands(sql, ['ledger'])).find((command) => command.id === id);
  if (found === undefined) throw new Error('it is not pending');
  return found;
}

const everything = async () => [
  ...(await sql`SELECT *, xmin::text FROM projection_state`),
  ...(await sql`SELECT *, xmin::text FROM readviews`),
  ...(await sql`SELECT *, xmin::text FROM projection_commands ORDER BY number`),
];

/** Before an event at 7 that has failed for good. */
async function halted(): Promise<void> {
  await sql`
    INSERT INTO events (position, aggregate_name, aggregate_id, sequence_no, name, payload)
    OVERRIDING SYSTEM VALUE VALUES (7, 'a', 'a', 1, 'Noted', '{}')`;
  await sql`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error)
    VALUES ('ledger', 7, gen_random_uuid(), 'Noted', 1, 'x')`;
  await sql`UPDATE projection_state SET status = 'halted', cursor = 3 WHERE name = 'ledger'`;
}

const EFFECTS = {
  RESET: (command: Awaited<ReturnType<typeof pending>>) =>
    reset(sql, { projection, projections: [projection], owner: 'me', command }),
  PAUSE: (command: Awaited<ReturnType<typeof pending>>) =>
    setPaused(sql, { name: 'ledger', paused: true, owner: 'me', command }),
  RESUME: (command: Awaited<ReturnType<typeof pending>>) =>
    setPaused(sql, { name: 'ledger', paused: false, owner: 'me', command }),
  SKIP: (command: Awaited<ReturnType<typeof pending>>) =>
    skipEvent(sql, { name: 'ledger', handled: ['Noted'], owner: 'me', command }),
} as const;
const NAMES = ['RESET', 'PAUSE', 'RESUME', 'SKIP'] as const;
const request = (event: (typeof NAMES)[number]) => ({ event, ...(event === 'SKIP' && { position: 7n, reason: 'x' }) });

// Seen red with: the comparison with 1 in commandDone left out.
test.each(NAMES)('%s changes nothing if its command has already ended', async (event) => {
  await halted();
  const command = await pending(request(event));
  await commandDone(sql, command.id, { by: 'another' });
  const before = await everything();
  await expect(EFFECTS[event](command)).rejects.toBeInstanceOf(CommandEnded);
  expect(await everything()).toEqual(before);
});

// Seen red with: no FOR UPDATE in skipEvent, with the check of the result of `advance` left out too; a command that is not
// ended in the transaction of its effect (both have one).
test.each(NAMES)('%s that two daemons carry out at the same time has its effect once', async (event) => {
  await halted();
  const command = await pending(request(event));
  const ended = await Promise.allSettled([EFFECTS[event](command), EFFECTS[event](command)]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [row] = await sql`SELECT generation FROM projection_state WHERE name = 'ledger'`;
  expect(row).toEqual({ generation: event === 'RESET' ? 1n : 0n });
  expect(await readCommand(sql, command.id)).toMatchObject({ state: 'done', carriedOutBy: 'me', acceptedBy: 'first' });
});

// Seen red with: commandDone before the UPDATE of the row, on the pool.
test('D11: a PAUSE is acknowledged only when the transaction that holds the row has ended', async () => {
  const command = await pending({ event: 'PAUSE' });
  const goOn = gate();
  const locked = gate();
  const page = sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'ledger' FOR UPDATE`;
    locked.open();
    await goOn.passed;
    await tx`UPDATE projection_state SET cursor = 9 WHERE name = 'ledger'`;
  });
  await locked.passed;
  const paused = EFFECTS.PAUSE(command);
  await vi.waitFor(async () => {
    const waiting = await sql`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%projection_state%'`;
    expect(waiting).toHaveLength(1);
  });
  expect(await readCommand(sql, command.id)).toMatchObject({ state: 'pending' });
  goOn.open();
  await page;
  expect(await paused).toBe('paused');
  expect(await readCommand(sql, command.id)).toMatchObject({ state: 'done' });
});

// Seen red with: lock_timeout not set in skipEvent (every command of the daemon would wait for one page of another).
test('a SKIP gives up a row that another daemon keeps holding, and changes nothing', async () => {
  await halted();
  const command = await pending(request('SKIP'));
  const before = await everything();
  const goOn = gate();
  const locked = gate();
  const page = sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'ledger' FOR UPDATE`;
    locked.open();
    await goOn.passed;
  });
  await locked.passed;
  const skipping = skipEvent(sql, { name: 'ledger', handled: ['Noted'], owner: 'me', command, lockTimeoutMs: 50 });
  const waits = new Promise((resolve) => setTimeout(resolve, 5000, 'it waits'));
  const ended = await Promise.race([skipping.catch((error: unknown) => error), waits]);
  goOn.open();
  await page;
  expect(isLockNotAvailable(ended)).toBe(true);
  expect(await everything()).toEqual(before);
});

// Seen red with: the status always set to running (the pause is gone); resume_to left alone (RESUME halts).
test('a SKIP that a PAUSE has overtaken leaves the pause, and RESUME goes on behind the event', async () => {
  await halted();
  const command = await pending(request('SKIP'));
  expect(await EFFECTS.PAUSE(await pending({ event: 'PAUSE' }))).toBe('paused');
  await EFFECTS.SKIP(command);
  expect(await sql`SELECT status, cursor FROM projection_state WHERE name = 'ledger'`).toEqual([
    { status: 'paused', cursor: 7n },
  ]);
  expect(await EFFECTS.RESUME(await pending({ event: 'RESUME' }))).toBe('running');
});

// Seen red with: `status = 'halted'` left out of readHalt; its order taken from the position, one way and the other.
test('a halt is reported with the failure recorded last, and a halt by the history of the store with none', async () => {
  await halted();
  await sql`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error, last_at, skipped_at)
    VALUES ('ledger', 2, gen_random_uuid(), 'Noted', 1, 'skipped', now() - interval '2 s', now()),
           ('ledger', 9, gen_random_uuid(), 'Noted', 1, 'tried again', now() - interval '1 s', NULL)`;
  expect(await readHalt(sql, 'ledger')).toMatchObject({ position: '7', error: 'x' });
  await sql`UPDATE projection_state SET status = 'running'`;
  expect(await readHalt(sql, 'ledger')).toBe(null);
});

test('a refusal changes no command that has ended, nor an earlier refusal', async () => {
  const done = await pending();
  await commandDone(sql, done.id, { by: 'me' });
  await refuseCommand(sql, done.id, { by: 'you', code: 'X', message: 'too late' });
  expect(await readCommand(sql, done.id)).toMatchObject({ state: 'done', code: null, carriedOutBy: 'me' });
  const refused = await pending();
  await refuseCommand(sql, refused.id, { by: 'me', code: 'X', message: 'no' });
  await refuseCommand(sql, refused.id, { by: 'you', code: 'Y', message: 'no' });
  expect(await readCommand(sql, refused.id)).toMatchObject({ state: 'failed', code: 'X', carriedOutBy: 'me' });
  await expect(commandDone(sql, refused.id, { by: 'you' })).rejects.toBeInstanceOf(CommandEnded);
  expect(await pendingCommands(sql, ['ledger'])).toEqual([]);
});

// Seen red with: each of the three conditions left out.
test('commands are deleted beyond the newest thousand and after ninety days; pending ones stay', async () => {
  await sql`
    INSERT INTO projection_commands (name, event, state, ended_at)
    SELECT 'ledger', 'PAUSE', 'done', now() - make_interval(days => CASE WHEN n <= 5 THEN 10 ELSE 100 END)
    FROM generate_series(1, 1010) AS n`;
  const kept = await pending();
  await tidyCommands(sql);
  const [counts] = await sql`
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE ended_at > now() - interval '20 days') AS recent
    FROM projection_commands WHERE name = 'ledger'`;
  // 999 of the newest thousand besides the pending one, and five older ones that ended recently.
  expect(counts).toEqual({ done: 1004n, recent: 5n });
  expect(await readCommand(sql, kept.id)).toMatchObject({ state: 'pending' });
});

// Seen red with: each of the two conditions left out; the two seconds; the publisher's name.
test('a command that no daemon would carry out is refused with the known names: an unknown projection after two seconds, an instance immediately', async () => {
  const kept = await pending();
  await registerPublisher(sql);
  await sql`INSERT INTO projection_commands (name, event, state, ended_at) VALUES ('gone', 'PAUSE', 'done', now())`;
  await sql`
    INSERT INTO projection_commands (name, instance_id, event, requested_at)
    VALUES ('gone', '', 'RESET', now() - interval '3 s'), ('$publisher', '', 'RESET', now() - interval '3 s'),
           ('soon', '', 'RESET', now()), ('ledger', 'eu', 'RESET', now()),
           ('ledger', '', 'RESTE', now() - interval '11 s'), ('ledger', '', 'NEWER', now() - interval '9 s')`;
  const refused = await refuseUnknown(sql, 'me');
  expect(refused.map(({ name, code, message }) => [name, code, message]).sort()).toEqual([
    ['$publisher', 'PROJECTION_UNKNOWN', "no daemon has a projection named '$publisher': known are ledger"],
    ['gone', 'PROJECTION_UNKNOWN', "no daemon has a projection named 'gone': known are ledger"],
    ['ledger', 'COMMAND_INVALID', "no projection is per instance yet: leave instance_id out to reach all of 'ledger'"],
    ['ledger', 'COMMAND_INVALID', `there is no command 'RESTE': use one of ${OPERATOR_EVENTS.join(', ')}`],
  ]);
  const left = await sql`SELECT name, instance_id FROM projection_commands WHERE state = 'pending' ORDER BY number`;
  expect([...left]).toEqual([
    { name: 'ledger', instance_id: '' },
    { name: 'soon', instance_id: '' },
    { name: 'ledger', instance_id: '' },
  ]);
  // A newer daemon may know the kind. It must not delay the commands of this daemon.
  expect((await pendingCommands(sql, ['ledger'])).map(({ event }) => event)).toEqual(['RESET']);
  expect(await readCommand(sql, kept.id)).toMatchObject({ state: 'pending' });
});

// Seen red with: OFFSET 999; the name left out of the DELETE.
test('of each projection the newest thousand transitions stay, and are read in pages, newest first', async () => {
  const row = (name: string, to: number) => ({
    name,
    from: 'live.waiting',
    to: String(to),
    cause: 'RESET',
    detail: null,
    position: '9007199254740993',
    daemon: 'me',
    at: '2026-03-01T19:00:00.123Z',
  });
  const rows = (name: string, from: number, count: number) =>
    Array.from({ length: count }, (_, index) => row(name, from + index));
  await storeTransitions(sql, [...rows('quiet', 1, 3), ...rows('ledger', 1, 1200)], { prune: false });
  await storeTransitions(sql, rows('ledger', 1201, 1), { prune: true });
  const counts = await sql`SELECT name, count(*) FROM projection_transitions GROUP BY name ORDER BY name`;
  // The rows of the same statement come on top: the next statement deletes them.
  expect([...counts]).toEqual([
    { name: 'ledger', count: 1001n },
    { name: 'quiet', count: 3n },
  ]);
  const page = await readTransitions(sql, 'ledger', { limit: 2 });
  expect(page.map(({ to }) => to)).toEqual(['1201', '1200']);
  expect(page[0]).toEqual({ ...row('ledger', 1201), number: expect.stringMatching(/^\d+$/) });
  const next = await readTransitions(sql, 'ledger', { limit: 2, before: BigInt(page[1]?.number ?? 0) });
  expect(next.map(({ to }) => to)).toEqual(['1199', '1198']);
});

// Seen red with: `skipped_at = NULL` left out of recordFailure.
test('an event that was skipped and fails again is a failure again, counted from 1', async () => {
  await halted();
  await EFFECTS.SKIP(await pending(request('SKIP')));
  const before = await sql`SELECT skipped_by IS NOT NULL AS skipped FROM projection_failures WHERE position = 7`;
  expect(before).toEqual([{ skipped: true }]);
  const failure = {
    position: 7n,
    eventId: randomUUID(),
    eventName: 'Noted',
    aggregateName: 'test.Stream',
    aggregateId: 'a',
    sequenceNo: 7n,
    occurredAt: '2026-03-01T19:00:00Z',
    error: 'once more',
    code: null,
    sqlstate: null,
    statement: null,
  };
  const recorded = await sql.begin((tx) => recordFailure(tx, 'ledger', failure, HALT_AT_ONCE));
  expect(recorded).toEqual({ attempts: 1, verdict: 'halt' });
  expect((await readFailures(sql)).get('ledger')).toMatchObject({ position: '7', error: 'once more', attempts: 1 });
  expect(await listFailures(sql, 'ledger')).toMatchObject([{ position: '7', skipped: null }]);
});
