import { createHash } from 'node:crypto';
import { AGGREGATE_OF } from '../../examples/dancefinder/aggregates.ts';
import {
  create,
  defineProjection,
  type EventShape,
  type Handler,
  type Projection,
  type StoredEvent,
} from '../../src/index.ts';
import type { Queryable, Sql } from '../../src/postgres/pool.ts';

/** The event types of DanceFinder. The histories contain other types too, which these projections must pass over. */
const HANDLED = Object.keys(AGGREGATE_OF);
/** The ladder counts the events of each stream, so it handles every type. */
const EVERY = [...HANDLED, 'BandPhotoAdded', 'DanceHallRated', 'EventShared'];
const PRIME = 1_000_003n;

function on(names: readonly string[], handler: Handler<StoredEvent>): Readonly<Record<string, Handler<StoredEvent>>> {
  return Object.fromEntries(names.map((name) => [name, handler]));
}

/** One row per applied event. The key is only declared: no index of the table would prevent a second row. */
const ledger = defineProjection<EventShape>()({
  name: 'witness_ledger',
  schema: 'CREATE TABLE IF NOT EXISTS witness_ledger (position bigint NOT NULL, event_id uuid NOT NULL);',
  tables: { witness_ledger: { key: ['position'] } },
  on: on(HANDLED, (event) => create('witness_ledger', { position: event.position, event_id: event.id })),
});

/** One row that depends on every event and on their order. */
const chain = defineProjection<EventShape>()({
  name: 'witness_chain',
  schema: 'CREATE TABLE IF NOT EXISTS witness_chain (id int PRIMARY KEY, h bytea NOT NULL, links bigint NOT NULL);',
  tables: { witness_chain: { key: ['id'] } },
  on: on(HANDLED, async (event, { tx }) => {
    const link = `${event.position} ${event.id}`;
    await tx`
      INSERT INTO witness_chain AS c (id, h, links) VALUES (1, sha256(convert_to(${link}::text, 'UTF8')), 1)
      ON CONFLICT (id) DO UPDATE SET h = sha256(c.h || convert_to(${link}::text, 'UTF8')), links = c.links + 1`;
  }),
});

/** Expects the next sequence number of each stream, and counts the others. */
const ladder = defineProjection<EventShape>()({
  name: 'witness_ladder',
  schema: `CREATE TABLE IF NOT EXISTS witness_ladder (
    stream text PRIMARY KEY, last bigint NOT NULL, violations bigint NOT NULL);`,
  tables: { witness_ladder: { key: ['stream'] } },
  on: on(EVERY, async (event, { tx }) => {
    await tx`
      INSERT INTO witness_ladder AS l (stream, last, violations)
      VALUES (${streamOf(event)}, ${event.sequenceNo}, (${event.sequenceNo}::bigint <> 1)::int)
      ON CONFLICT (stream) DO UPDATE
      SET last = EXCLUDED.last, violations = l.violations + (EXCLUDED.last <> l.last + 1)::int`;
  }),
});

/** Balances under an operation that is neither commutative nor idempotent. */
const bank = defineProjection<EventShape>()({
  name: 'witness_bank',
  schema: 'CREATE TABLE IF NOT EXISTS witness_bank (account text PRIMARY KEY, balance bigint NOT NULL);',
  tables: { witness_bank: { key: ['account'] } },
  on: on(HANDLED, async (event, { tx }) => {
    await tx`
      INSERT INTO witness_bank AS b (account, balance)
      VALUES (${event.aggregateName}, ${event.position}::bigint % ${PRIME}::bigint)
      ON CONFLICT (account) DO UPDATE SET balance = (b.balance * 3 + ${event.position}::bigint) % ${PRIME}::bigint`;
  }),
});

/**
 * Projections whose rows show every error. With plain upserts an event that is applied twice, or too early, leaves the
 * same rows; here it does not. One returns statements, three run SQL of their own.
 */
export const witnesses: readonly Projection[] = [ledger, chain, ladder, bank];

interface Seen {
  readonly position: bigint;
  readonly id: string;
  readonly name: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
}

interface Cursor {
  readonly name: string;
  readonly cursor: bigint;
  readonly lastEventId: string | null;
  readonly position: bigint;
}

/** Runs `read` on one snapshot of the database, so that rows and cursors belong together. */
export async function onSnapshot<T>(sql: Sql, read: (tx: Queryable) => Promise<T>): Promise<T> {
  const result = await sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (tx) => [await read(tx)] as const);
  return result[0];
}

/**
 * Describes each error in the rows of the witnesses, compared with the events up to the cursor of each: lost, repeated and
 * reordered events; cursors and positions that do not match. `tx` must read one snapshot, unless no daemon is running.
 */
export async function checkWitnesses(tx: Queryable): Promise<readonly string[]> {
  const events = await tx<Seen[]>`
    SELECT position, id, name, aggregate_name AS "aggregateName", aggregate_id AS "aggregateId",
           sequence_no AS "sequenceNo"
    FROM events ORDER BY position`;
  const cursors = new Map((await readCursors(tx)).map((row) => [row.name, row.cursor]));
  const upTo = (name: string, names: readonly string[]) => {
    const handled = new Set(names);
    return events.filter((event) => event.position <= (cursors.get(name) ?? 0n) && handled.has(event.name));
  };
  return [
    ...(await checkCursors(tx)),
    ...(await checkLedger(tx, upTo('witness_ledger', HANDLED))),
    ...(await checkChain(tx, upTo('witness_chain', HANDLED))),
    ...(await checkLadder(tx, upTo('witness_ladder', EVERY))),
    ...(await checkBank(tx, upTo('witness_bank', HANDLED))),
  ];
}

async function readCursors(tx: Queryable): Promise<readonly Cursor[]> {
  return await tx<Cursor[]>`
    SELECT s.name, s.cursor, s.last_event_id AS "lastEventId", r.position
    FROM projection_state AS s JOIN readviews AS r USING (name) WHERE s.instance_id = '' ORDER BY s.name`;
}

/** Checks that every cursor is the position of an event, has its id, and that readviews shows the greatest time up to it. */
async function checkCursors(tx: Queryable): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, cursor, lastEventId, position } of await readCursors(tx)) {
    const [expected] = await tx<[{ id: string | null; newest: bigint }]>`
      SELECT (SELECT id FROM events WHERE position = ${cursor}) AS id,
             coalesce((SELECT max(tstamp) FROM events WHERE position <= ${cursor}), 0) AS newest`;
    if (expected.id !== lastEventId)
      found.push(`${name}: cursor ${cursor} holds event ${lastEventId}, not ${expected.id}`);
    if (expected.newest !== position) found.push(`${name}: readviews says ${position}, not ${expected.newest}`);
  }
  return found;
}

async function checkLedger(tx: Queryable, events: readonly Seen[]): Promise<readonly string[]> {
  const rows = await tx<{ position: bigint; eventId: string; times: number }[]>`
    SELECT position, event_id AS "eventId", count(*)::int AS times FROM witness_ledger GROUP BY 1, 2 ORDER BY 1, 2`;
  const wanted = new Map(events.map(({ position, id }) => [`${position} ${id}`, 0]));
  const found: string[] = [];
  for (const { position, eventId, times } of rows) {
    const key = `${position} ${eventId}`;
    if (!wanted.has(key)) found.push(`ledger: ${key} is beyond the cursor, or no event at all`);
    else if (times > 1) found.push(`ledger: ${key} doubled (${times} times)`);
    wanted.delete(key);
  }
  return [...found, ...[...wanted.keys()].map((key) => `ledger: ${key} lost`)];
}

async function checkChain(tx: Queryable, events: readonly Seen[]): Promise<readonly string[]> {
  let h: Buffer | null = null;
  for (const { position, id } of events) {
    const hash = createHash('sha256');
    if (h !== null) hash.update(h);
    h = hash.update(`${position} ${id}`).digest();
  }
  const [row] = await tx<{ h: string; links: bigint }[]>`SELECT encode(h, 'hex') AS h, links FROM witness_chain`;
  if (row?.h === h?.toString('hex')) return [];
  return [`chain: of ${row?.links ?? 0n} links, wanted ${events.length}: something was lost, doubled or disordered`];
}

async function checkLadder(tx: Queryable, events: readonly Seen[]): Promise<readonly string[]> {
  const rows = await tx<{ stream: string; last: bigint; violations: bigint }[]>`SELECT * FROM witness_ladder`;
  const last = new Map(events.map((event) => [streamOf(event), event.sequenceNo]));
  const found: string[] = [];
  for (const row of rows) {
    if (row.violations !== 0n) found.push(`ladder: ${row.stream} out of order ${row.violations} times`);
    if (last.get(row.stream) !== row.last) {
      found.push(`ladder: ${row.stream} stands on ${row.last}, not on ${last.get(row.stream)}`);
    }
    last.delete(row.stream);
  }
  return [...found, ...[...last.keys()].map((stream) => `ladder: ${stream} lost`)];
}

async function checkBank(tx: Queryable, events: readonly Seen[]): Promise<readonly string[]> {
  const wanted = new Map<string, bigint>();
  for (const { aggregateName, position } of events) {
    wanted.set(aggregateName, ((wanted.get(aggregateName) ?? 0n) * 3n + position) % PRIME);
  }
  const rows = await tx<{ account: string; balance: bigint }[]>`SELECT * FROM witness_bank`;
  const found = rows
    .filter(({ account, balance }) => wanted.get(account) !== balance)
    .map(({ account, balance }) => `bank: ${account} has ${balance}, not ${wanted.get(account)}`);
  return rows.length === wanted.size ? found : [...found, `bank: ${rows.length} accounts, not ${wanted.size}`];
}

function streamOf({ aggregateName, aggregateId }: Pick<Seen, 'aggregateName' | 'aggregateId'>): string {
  return `${aggregateName}/${aggregateId}`;
}
