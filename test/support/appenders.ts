import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, type Random } from '../../examples/dancefinder/history/random.ts';
import { sqlstateOf } from '../../src/postgres/errors.ts';
import { connect, type Sql, type Tx } from '../../src/postgres/pool.ts';
import type { TestDatabase } from './database.ts';

export interface AppendersOptions {
  readonly seed: number;
  readonly writers: number;
  /** Transactions of each writer. */
  readonly transactions: number;
}

/** Counts of what the writers did. They show that a run contained every kind of transaction. */
export interface Tally {
  committed: number;
  rolledBack: number;
  conflicts: number;
  savepoints: number;
  /** Wrote to another table first, so that its transaction id is older than its position. */
  unrelated: number;
  /** Written by a role that has INSERT on events and no other privilege. */
  byAppender: number;
}

export interface Appenders {
  readonly tally: Readonly<Tally>;
  /** Transactions that have allocated a position and are still open. */
  open(): number;
  readonly done: Promise<void>;
}

const APPENDER = 'projectionist_test_appender';

/** Roles belong to the whole server, so another test file may have created this one. */
export async function createAppenderRole(sql: Sql): Promise<string> {
  await sql.unsafe(
    `DO $$ BEGIN CREATE ROLE ${APPENDER}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$`,
  );
  await sql.unsafe(`GRANT INSERT ON events TO ${APPENDER}`);
  return APPENDER;
}

/**
 * Writers that append at the same time in every difficult way: pauses inside transactions, rollbacks, savepoints that are
 * rolled back, lost races for a sequence number, older transaction ids, several inserts. The seed determines what each
 * writer does; how the writers interleave depends on the machine.
 */
export async function startAppenders(database: TestDatabase, options: AppendersOptions): Promise<Appenders> {
  const sql = connect({ address: { url: database.url }, applicationName: 'appender', max: options.writers });
  await sql`CREATE TABLE IF NOT EXISTS unrelated (writer int)`;
  await createAppenderRole(sql);
  const tally: Tally = { committed: 0, rolledBack: 0, conflicts: 0, savepoints: 0, unrelated: 0, byAppender: 0 };
  const open = new Set<number>();
  const writers = Array.from({ length: options.writers }, (_, writer) => {
    const random = createRandom(options.seed, writer + 1);
    const own = { next: 1 };
    return (async () => {
      for (let turn = 0; turn < options.transactions; turn += 1) {
        try {
          await transaction(sql, { random, writer, writers: options.writers, own, tally, open });
          tally.committed += 1;
        } catch (error) {
          if (error === ROLLBACK) tally.rolledBack += 1;
          else if (sqlstateOf(error) === '23505') tally.conflicts += 1;
          // Two transactions wrote to two streams in opposite orders.
          else if (sqlstateOf(error) !== '40P01') throw error;
        } finally {
          open.delete(writer);
        }
      }
    })();
  });
  return { tally, open: () => open.size, done: Promise.all(writers).then(() => sql.end()) };
}

const ROLLBACK = new Error('rolled back on purpose');

interface Turn {
  readonly random: Random;
  readonly writer: number;
  readonly writers: number;
  /** Its own stream: the appender role cannot read the numbers of the others. */
  readonly own: { next: number };
  readonly tally: Tally;
  readonly open: Set<number>;
}

async function transaction(sql: Sql, turn: Turn): Promise<void> {
  const { random, writer, writers, own, tally, open } = turn;
  const asAppender = random.chance(0.25);
  let next = own.next;
  await sql.begin(async (tx) => {
    if (random.chance(0.3)) {
      await tx`INSERT INTO unrelated VALUES (${writer})`;
      tally.unrelated += 1;
      await pause(random.below(6));
    }
    if (asAppender) await tx.unsafe(`SET LOCAL ROLE ${APPENDER}`);
    const stream = `shared-${random.below(writers)}`;
    const insert = async (inner: Tx, events: number): Promise<void> => {
      if (asAppender) next = await insertFrom(inner, `own-${writer}`, next, events);
      else await insertFrom(inner, stream, await lastOf(inner, stream, random), events);
      open.add(writer);
    };
    for (let part = 1 + random.below(3); part > 0; part -= 1) {
      if (random.chance(0.2)) {
        const before = next;
        await tx
          .savepoint(async (inner) => {
            await insert(inner, 1 + random.below(2));
            await pause(random.below(6));
            throw ROLLBACK;
          })
          .catch(ignoreRollback);
        next = before;
        tally.savepoints += 1;
      }
      await insert(tx, 1 + random.below(3));
      await pause(random.below(8));
    }
    if (random.chance(0.1)) await pause(40);
    if (random.chance(0.15)) throw ROLLBACK;
  });
  own.next = next;
  if (asAppender) tally.byAppender += 1;
}

/** The number to continue from; sometimes an old one, as of a writer that did not read it again. */
async function lastOf(tx: Tx, stream: string, random: Random): Promise<number> {
  const [row] = await tx<[{ next: number }]>`
    SELECT coalesce(max(sequence_no), 0)::int + 1 AS next FROM events WHERE aggregate_id = ${stream}`;
  return random.chance(0.1) ? Math.max(1, row.next - 1) : row.next;
}

async function insertFrom(tx: Tx, stream: string, first: number, events: number): Promise<number> {
  for (let number = first; number < first + events; number += 1) {
    await tx`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
             VALUES ('Stream', ${stream}, ${number}, 'Appended', '{}')`;
  }
  return first + events;
}

function ignoreRollback(error: unknown): void {
  if (error !== ROLLBACK) throw error;
}
