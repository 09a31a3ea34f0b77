import { afterEach, beforeEach, expect, test } from 'vitest';
import { nextHighWaterMark } from '../../src/event-store/announced-bounds.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { account, createFollower, type Follower, type NextPage, NOTHING_WRONG } from '../support/follower.ts';
import { engineReader, pageTo, plainPages, storedEvents } from '../support/readers.ts';
import { openSession, type Session } from '../support/session.ts';

/**
 * Each way of reading that looks right and is not, against scripted appends in which it loses an event. The engine's
 * reader goes through the same scripts and loses nothing: so the scripts, and the stress made of the same parts, would
 * notice if one of its steps were dropped.
 */
let database: TestDatabase;
let control: Sql;
let reader: Sql;
let older: Session;
let younger: Session;

beforeEach(async () => {
  database = await createTestDatabase();
  const address = { url: database.url };
  control = connect({ address, applicationName: 'head', max: 1 });
  reader = connect({ address, applicationName: 'read', max: 2 });
  await migrate(reader, { schema: 'public', notify: true, projections: [] });
  older = openSession(database, 'older');
  younger = openSession(database, 'younger');
});
afterEach(async () => {
  await older[Symbol.asyncDispose]();
  await younger[Symbol.asyncDispose]();
  await control.end();
  await reader.end();
  await database.drop();
});

/** The older position commits last; the reader looks in between and afterwards. */
async function overtaken(follower: Follower): Promise<void> {
  await older.run('BEGIN');
  await older.insert();
  await younger.insert();
  await follower.drain();
  await older.run('COMMIT');
  await follower.drain();
}

async function appendInTurns(events: number): Promise<void> {
  for (let left = events; left > 0; left -= 1) await older.insert();
}

const verdict = async (follower: Follower) => account(follower.seen, await storedEvents(reader));

test('the first two appends of an empty store, the older one slow: nothing is lost', async () => {
  const follower = createFollower(engineReader(control, reader));
  await overtaken(follower);
  expect(await verdict(follower)).toEqual(NOTHING_WRONG);
  expect(follower.seen.map(({ stream }) => stream)).toEqual(['older', 'younger']);
});

test('the same later on: nothing is lost', async () => {
  await appendInTurns(3);
  const follower = createFollower(engineReader(control, reader));
  await follower.drain();
  await overtaken(follower);
  expect(await verdict(follower)).toEqual(NOTHING_WRONG);
  expect(follower.seen).toHaveLength(5);
});

test('mutant: `position > last` loses the older event', async () => {
  const follower = createFollower(plainPages(reader));
  await overtaken(follower);
  expect(await verdict(follower)).toEqual({ ...NOTHING_WRONG, lost: 1 });
});

test('mutant: without the trigger the older event is lost', async () => {
  await reader.unsafe('DROP TRIGGER projectionist_announce ON events');
  const follower = createFollower(engineReader(control, reader));
  await overtaken(follower);
  expect(await verdict(follower)).toEqual({ ...NOTHING_WRONG, lost: 1 });
});

type Between = () => Promise<void>;

/** The engine's three steps, spelled out, with something happening after the first of them. */
function stepwise(order: 'drawn first' | 'locks first', between: Between): NextPage {
  return async (after) => {
    let lastAllocated = 0n;
    let announced: readonly bigint[] = [];
    if (order === 'drawn first') {
      lastAllocated = await readLastAllocated();
      await between();
      announced = await readAnnounced();
    } else {
      announced = await readAnnounced();
      await between();
      lastAllocated = await readLastAllocated();
    }
    return await pageTo(reader, after, nextHighWaterMark({ lastAllocated, announced }, null).head);
  };
}

async function readLastAllocated(): Promise<bigint> {
  const [row] = await reader<[{ lastAllocated: bigint }]>`
    SELECT coalesce(pg_sequence_last_value('events_position_seq'), 0) AS "lastAllocated"`;
  return row.lastAllocated;
}

async function readAnnounced(): Promise<readonly bigint[]> {
  const rows = await reader<{ low: bigint }[]>`
    SELECT objid::bigint AS low FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 'events_position_seq'::regclass::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  return rows.map(({ low }) => low);
}

test.each([
  { order: 'drawn first', lost: 0 },
  { order: 'locks first', lost: 1 },
] as const)(
  'mutant: a look that reads $order, with two appends in the middle, loses $lost',
  async ({ order, lost }) => {
    let happened = false;
    const follower = createFollower(
      stepwise(order, async () => {
        if (happened) return;
        happened = true;
        await older.run('BEGIN');
        await older.insert();
        await younger.insert();
      }),
    );
    await follower.drain();
    await older.run('COMMIT');
    await follower.drain();
    expect(happened).toBe(true);
    expect(await verdict(follower)).toEqual({ ...NOTHING_WRONG, lost });
  },
);

test('mutant: a head that is read after the page lets the older event slip through', async () => {
  const head = async () =>
    nextHighWaterMark({ lastAllocated: await readLastAllocated(), announced: await readAnnounced() }, null).head;
  let commit: Between = () => older.run('COMMIT');
  const follower = createFollower(async (after) => {
    const page = await pageTo(reader, after, 2n ** 62n);
    await commit();
    commit = () => Promise.resolve();
    const safe = await head();
    return page.filter(({ position }) => position <= safe);
  });
  await older.run('BEGIN');
  await older.insert();
  await younger.insert();
  await follower.drain();
  expect(await verdict(follower)).toEqual({ ...NOTHING_WRONG, lost: 1 });
});

/**
 * A sequence that has allocated nothing says last_value 1, as it does after the first draw. The engine's head is also cut to
 * an event that can be seen, which hides this one mistake; so the reader of this mutant takes the bound as it is.
 */
test.each([
  { mutant: true, lost: 1 },
  { mutant: false, lost: 0 },
])(
  'mutant: an announcement that takes last_value of an empty store for drawn ($mutant) loses $lost',
  async ({ mutant, lost }) => {
    if (mutant) await announceWithoutIsCalled();
    let cursor = 0n;
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      const lastAllocated = await readLastAllocated();
      const bound = nextHighWaterMark({ lastAllocated, announced: await readAnnounced() }, null).head;
      for (const { id } of await pageTo(reader, cursor, bound)) seen.push(id);
      cursor = bound;
    };
    await older.run('BEGIN');
    await older.insert();
    await younger.insert();
    await read();
    await older.run('COMMIT');
    await read();
    const stored = await storedEvents(reader);
    expect(stored.filter(({ id }) => !seen.includes(id))).toHaveLength(lost);
  },
);

async function announceWithoutIsCalled(): Promise<void> {
  await reader.unsafe(`
    CREATE OR REPLACE FUNCTION projectionist_announce() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared('events_position_seq'::regclass::oid::int, last_value::int)
      FROM events_position_seq;
      RETURN NULL;
    END $$`);
}
