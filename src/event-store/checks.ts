import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import { describeConnectFailure } from '../postgres/connect-failure.ts';
import { toLiteral } from '../postgres/literal.ts';
import { checkNames } from '../postgres/names.ts';
import { type DatabaseAddress, describeAddress, type Sql } from '../postgres/pool.ts';
import { readTriggers } from './triggers.ts';

/**
 * Checks that the program can use the database at all: version, encoding, primary. Runs before every other statement.
 * @throws EngineError DATABASE_UNREACHABLE, DATABASE_REFUSED, DATABASE_VERSION, DATABASE_ENCODING, DATABASE_IN_RECOVERY
 */
export async function checkDatabase(sql: Sql, address: DatabaseAddress): Promise<void> {
  const row = await sql<[{ version: number; text: string; encoding: string; standby: boolean }]>`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text,
           current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby`.then(
    ([first]) => first,
    (error: unknown) => {
      if (isEngineError(error)) throw error;
      throw unusable(error, address);
    },
  );
  if (row.version < 140_000) throw new EngineError('DATABASE_VERSION', { version: row.text });
  if (row.encoding !== 'UTF8') throw new EngineError('DATABASE_ENCODING', { encoding: row.encoding });
  if (row.standby) throw new EngineError('DATABASE_IN_RECOVERY');
}

/** An error of the connection as an EngineError that says what to do. */
export function unusable(error: unknown, address: DatabaseAddress): EngineError {
  const { answered, reason, hint } = describeConnectFailure(error);
  const code = answered ? 'DATABASE_REFUSED' : 'DATABASE_UNREACHABLE';
  return new EngineError(code, { address: describeAddress(address), reason, hint }, { cause: error });
}

export const STORE_COLUMNS =
  'position id instance_id aggregate_name aggregate_id sequence_no name tstamp occurred_at payload metadata'.split(' ');

/**
 * Checks the conditions of the high-water mark: the triggers exist and always fire, the sequence allocates positions one by
 * one, and the sequence is not behind the table. Runs at start and on schedule, since a client can undo each of these at any
 * time.
 * @throws EngineError STORE_MISSING, SCHEMA_GONE, SCHEMA_MISPLACED, SCHEMA_SHADOWED, ROW_SECURITY, STORE_COLUMNS, STORE_TRIGGER,
 *   STORE_CACHE, STORE_POSITION, STORE_SUBSCRIBED, DATABASE_IN_RECOVERY
 */
export async function checkStore(sql: Sql, options: { readonly notify: boolean }): Promise<void> {
  const [missing] = await checkNames(sql, ENGINE_TABLES);
  if (missing !== undefined) await checkSchema(sql);
  if (missing !== undefined) throw new EngineError('STORE_MISSING', { table: missing, schema: sql.path.schema });
  await checkColumns(sql, options.notify);
  await checkSubscriptions(sql);
}

/** Without the schema every table is missing, and `migrate` would make an empty store beside the one that was renamed. */
async function checkSchema(sql: Sql): Promise<void> {
  const { schema } = sql.path;
  const [row] = await sql<[{ there: boolean }]>`
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = ${schema}) AS there`;
  if (!row.there) throw new EngineError('SCHEMA_GONE', { schema });
}

async function checkColumns(sql: Sql, notify: boolean): Promise<void> {
  const [store] = await sql<[{ columns: string[]; sequence: string | null; standby: boolean }]>`
    SELECT array_agg(attname::text) AS columns, pg_get_serial_sequence('events', 'position') AS sequence,
           pg_is_in_recovery() AS standby
    FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped`;
  if (store.standby) throw new EngineError('DATABASE_IN_RECOVERY');
  const missing = STORE_COLUMNS.filter((column) => !store.columns.includes(column));
  if (missing.length > 0 || store.sequence === null) {
    throw new EngineError('STORE_COLUMNS', {
      table: 'events',
      columns: missing.length > 0 ? missing.join(', ') : 'an identity on position',
    });
  }
  await checkTriggers(sql, notify);
  await checkSequence(sql, store.sequence);
}

async function checkTriggers(sql: Sql, notify: boolean): Promise<void> {
  for (const { table, trigger, problem } of await readTriggers(sql)) {
    if (problem === null || (trigger === 'projectionist_notify' && !notify)) continue;
    throw new EngineError('STORE_TRIGGER', { table, trigger, problem });
  }
}

/** The writes of a subscription fire no statement triggers, ENABLE ALWAYS or not, so they would not be announced. */
async function checkSubscriptions(sql: Sql): Promise<void> {
  const [row] = await sql<{ table: string; subscription: string }[]>`
    WITH parts AS (SELECT relid FROM pg_partition_tree('events') UNION SELECT 'events'::regclass)
    SELECT p.relid::regclass::text AS table, s.subname AS subscription
    FROM parts AS p JOIN pg_subscription_rel AS r ON r.srrelid = p.relid JOIN pg_subscription AS s ON s.oid = r.srsubid`;
  if (row !== undefined) throw new EngineError('STORE_SUBSCRIBED', { ...row });
}

async function checkSequence(sql: Sql, sequence: string): Promise<void> {
  // pg_sequence_last_value answers null to a role without SELECT on the sequence (PostgreSQL 17): the mark would stay
  // at 0 for ever, without an error. The server refuses this statement to such a role.
  await sql.unsafe(`SELECT last_value FROM ${sequence}`);
  const [row] = await sql<[{ cache: bigint; last: bigint; max: bigint }]>`
    SELECT seqcache AS cache, coalesce(pg_sequence_last_value(seqrelid), 0) AS last,
           coalesce((SELECT max(position) FROM events), 0) AS max
    FROM pg_sequence WHERE seqrelid = ${sequence}::regclass`;
  if (row.cache !== 1n) throw new EngineError('STORE_CACHE', { cache: row.cache, sequence });
  if (row.max > row.last) {
    // Read again: an append between the two subqueries of the statement is no fault.
    const [again] = await sql<
      [{ last: bigint }]
    >`SELECT coalesce(pg_sequence_last_value(${sequence}::regclass), 0) AS last`;
    const repair = `SELECT setval(${toLiteral(sequence)}, ${row.max})`;
    if (row.max > again.last) throw new EngineError('STORE_POSITION', { max: row.max, last: again.last, repair });
  }
}
