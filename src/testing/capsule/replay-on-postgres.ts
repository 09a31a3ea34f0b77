import type { Capsule, CapsuleColumn, CapsuleTable } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Projection } from '../../core/projection.ts';
import type { Queryable, Tx } from '../../postgres/pool.ts';
import { rolledBack } from '../../postgres/rolled-back.ts';
import { runEvents } from '../../projector/apply-in-order.ts';
import { readCatalog, storedTables } from '../../read-model/catalog.ts';
import { quoteColumn } from '../../read-model/row-text.ts';
import type { TestRow } from '../backend.ts';
import { createRowReader } from '../postgres/read-rows.ts';
import type { TestSchema } from '../postgres/test-schema.ts';
import { toStoredEvent } from './read-capsule.ts';
import { applied, failed, type Replay } from './replayed.ts';

/** Applies the event as the engine does, on tables that hold the rows of the snapshot alone. The transaction is rolled back. */
export async function replayOnPostgres(
  testSchema: TestSchema,
  projection: Projection,
  capsule: Capsule,
): Promise<Replay> {
  return await rolledBack(testSchema.sql, async (tx) => {
    await fill(tx, projection, capsule.tables);
    const before = await readTables(tx, projection);
    try {
      await tx.savepoint((inner) => run(inner, projection, capsule));
    } catch (error) {
      return failed('postgres', error);
    }
    return applied('postgres', projection.tables, before, await readTables(tx, projection));
  });
}

async function run(tx: Tx, projection: Projection, capsule: Capsule): Promise<void> {
  const event = toStoredEvent(capsule.event);
  const catalog = await readCatalog(tx, [...projection.tables.keys()]);
  const [{ xid }] = await tx<[{ xid: string }]>`SELECT pg_current_xact_id()::text AS xid`;
  await runEvents(tx, projection, [event], {
    // Without owners no projection can be behind: a row that a look-up does not find is missing.
    owners: new Map(),
    replayUntil: event.position,
    xid,
    deferred: catalog.deferred,
    catalog,
    deadline: null,
  });
}

/** Fills the tables of other projections first: the projection's own tables may reference them. */
async function fill(tx: Tx, { tables }: Projection, all: readonly CapsuleTable[]): Promise<void> {
  const inOrder = [...all.filter(({ name }) => !tables.has(name)), ...all.filter(({ name }) => tables.has(name))];
  const names = all.map(({ name }) => name);
  const existing = storedTables(await readCatalog(tx, names));
  for (const table of inOrder) {
    try {
      if (!existing.has(table.name)) await tx.unsafe(createTableText(table));
      await insertRows(tx, table, existing.get(table.name)?.columns ?? table.columns);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const reason = `the rows of '${table.name}' in the capsule do not fit the table: ${detail}`;
      throw new EngineError('TEST_INVALID', { reason }, { cause: error });
    }
  }
}

async function insertRows(
  tx: Tx,
  { name, rows }: CapsuleTable,
  existing: readonly Pick<CapsuleColumn, 'name' | 'computed'>[],
): Promise<void> {
  for (const row of rows) {
    const columns = existing.filter((column) => !column.computed && column.name in row);
    const parameters = columns.map((_, index) => `$${index + 1}`);
    await tx.unsafe(
      `INSERT INTO ${quoteIdentifier(name)} (${columns.map((column) => quoteColumn(column.name)).join(', ')})
       OVERRIDING SYSTEM VALUE VALUES (${parameters.join(', ')})`,
      columns.map((column) => row[column.name] ?? null),
    );
  }
}

/** The DDL of a table for look-ups that no projection of the test declares. */
function createTableText({ name, key, columns }: CapsuleTable): string {
  const lines = columns.map((column) => {
    if (!/^[\w .,()"[\]]+$/.test(column.type)) throw new TypeError(`'${column.type}' is no type`);
    return `${quoteColumn(column.name)} ${column.type}${column.notNull ? ' NOT NULL' : ''}`;
  });
  return `CREATE TABLE ${quoteIdentifier(name)} (${lines.join(', ')}, UNIQUE (${key.map(quoteColumn).join(', ')}))`;
}

async function readTables(sql: Queryable, { tables }: Projection): Promise<ReadonlyMap<string, readonly TestRow[]>> {
  const reader = createRowReader(sql);
  const read = new Map<string, readonly TestRow[]>();
  for (const name of tables.keys()) read.set(name, await reader.read(name));
  return read;
}
