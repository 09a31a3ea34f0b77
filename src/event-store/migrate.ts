import { readdir, readFile } from 'node:fs/promises';
import { ENGINE_TABLES } from '../core/engine-tables.ts';
import { EngineError } from '../core/errors.ts';
import { checkIdentifier, quoteIdentifier } from '../core/identifier.ts';
import type { Projection } from '../core/projection.ts';
import { checkShadows } from '../postgres/names.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { searchPath } from '../postgres/session-settings.ts';
import { refuseForeignStore } from './foreign-store.ts';
import { describeNewStore, findNewStore, refuseSecondStore } from './new-store.ts';
import { runDdl } from './projection-ddl.ts';
import { recordUnknownIds } from './table-ids.ts';
import { areFunctionsMissing, repairTriggers } from './triggers.ts';

/** Any fixed number: daemons that migrate at the same time take turns on it. */
const MIGRATION_LOCK = 7_203_511n;
const FOLDER = new URL('../../sql/', import.meta.url);
/** In this order; they may run again at any time. */
const TRIGGER_FUNCTIONS = ['005_ownership.sql', '006_channel.sql'];

export interface MigrateOptions {
  readonly schema: string;
  /** Whether appends send a NOTIFY. Must be off where transactions with appends are going to be PREPAREd. */
  readonly notify: boolean;
  readonly projections: readonly Projection[];
  /** What was wrong with a trigger of the store, which is right again when the migration commits. */
  readonly onRepair?: (text: string) => void;
  /** Whether a second event store may be created in schema public if another schema of the database has one. Default true. */
  readonly secondStore?: boolean;
  /** The schema had no event store, and has a new, empty one when the migration commits. */
  readonly onNewStore?: (text: string) => void;
}

/**
 * Brings the database to what this program needs: the numbered files of `sql/` that have not run yet, the triggers of
 * the store where they are missing or changed, and the repeatable DDL of each projection, in one transaction. Safe to
 * run twice, and from several daemons at once.
 * With a role that may not create anything in the schema it runs nothing, and the owner must have migrated (sql/roles.sql).
 * @returns how many numbered files ran
 * @throws EngineError SCHEMA_NEWER, MIGRATION_NEEDED, SCHEMA_SHADOWED, STORE_MISSING, STORE_ELSEWHERE, STORE_COLUMNS,
 *   PROJECTION_DDL
 */
export async function migrate(sql: Sql, options: MigrateOptions): Promise<number> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{3}_.*\.sql$/.test(file)).sort();
  const schema = quoteIdentifier(checkIdentifier('schema', options.schema));
  await refuseForeignStore(sql, options.schema);
  const newStore = await findNewStore(sql, options.schema);
  if (newStore !== null && options.secondStore === false) refuseSecondStore(newStore);
  await checkShadows(sql, [...ENGINE_TABLES, ...options.projections.flatMap(({ tables }) => [...tables.keys()])]);
  const rights = await readRights(sql, schema);
  if (rights === 'nothing') throw new EngineError('STORE_MISSING', { table: 'events', schema: options.schema });
  if (rights === 'use') return await checkMigrated(sql, schema, files.length);
  return await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;
    if (rights === 'no schema') await tx.unsafe(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    // As in every other session: types of extensions are found, and what is made is made in the first one.
    await tx.unsafe(`SET LOCAL search_path = ${searchPath({ ...sql.path, schema: options.schema })}`);
    await tx`CREATE TABLE IF NOT EXISTS projection_migrations (
      number integer PRIMARY KEY, file text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;
    const ran = await runFiles(tx, files);
    // The files have run for good; what they made may have been dropped by hand since.
    if (await areFunctionsMissing(tx)) for (const file of TRIGGER_FUNCTIONS) await runFile(tx, file);
    const repaired = await repairTriggers(tx, options.notify);
    // The first migration makes them all.
    if (ran < files.length) for (const text of repaired) options.onRepair?.(text);
    if (newStore !== null && ran > 0) options.onNewStore?.(describeNewStore(newStore));
    await recordUnknownIds(tx);
    for (const { name, schema: ddl } of options.projections) if (ddl !== '') await runDdl(tx, name, ddl);
    return ran;
  });
}

/** Asked beforehand: `CREATE … IF NOT EXISTS` of what exists is refused to a role that may not create. */
async function readRights(sql: Sql, schema: string): Promise<'nothing' | 'no schema' | 'create' | 'use'> {
  const [row] = await sql<[{ create: boolean | null; schemas: boolean }]>`
    SELECT has_schema_privilege(to_regnamespace(${schema})::oid, 'CREATE') AS create,
           has_database_privilege(current_database(), 'CREATE') AS schemas`;
  if (row.create === null) return row.schemas ? 'no schema' : 'nothing';
  return row.create ? 'create' : 'use';
}

async function checkMigrated(sql: Sql, schema: string, known: number): Promise<0> {
  const [table] = await sql<[{ missing: boolean }]>`
    SELECT to_regclass(${`${schema}.projection_migrations`}) IS NULL AS missing`;
  const [row] = table.missing ? [{ last: 0 }] : await lastMigration(sql);
  if (row.last > known) throw new EngineError('SCHEMA_NEWER', { found: row.last, known });
  if (row.last < known) throw new EngineError('MIGRATION_NEEDED', { found: row.last, known });
  return 0;
}

function lastMigration(sql: Queryable) {
  return sql<[{ last: number }]>`SELECT coalesce(max(number), 0) AS last FROM projection_migrations`;
}

async function runFiles(tx: Tx, files: readonly string[]): Promise<number> {
  const [row] = await lastMigration(tx);
  if (row.last > files.length) throw new EngineError('SCHEMA_NEWER', { found: row.last, known: files.length });
  for (const file of files.slice(row.last)) {
    await runFile(tx, file);
    await tx`INSERT INTO projection_migrations (number, file) VALUES (${Number(file.slice(0, 3))}, ${file})`;
  }
  return files.length - row.last;
}

async function runFile(tx: Tx, file: string): Promise<void> {
  await tx.unsafe(await readFile(new URL(file, FOLDER), 'utf8'));
}
