import type { CapsuleColumn, CapsuleTable } from '../../core/capsule.ts';
import { isChange, isNot } from '../../core/changes.ts';
import type { RowChange, RowText } from '../../core/failure.ts';
import type { Projection, TableShape } from '../../core/projection.ts';
import type { ColumnValue, Where } from '../../core/statement.ts';
import { sqlstateOf } from '../../postgres/errors.ts';
import type { Queryable } from '../../postgres/pool.ts';
import type { FlatStatement } from '../../projector/flatten.ts';
import { readCatalog, storedTables } from '../../read-model/catalog.ts';
import { encodeJsonWhere } from '../../read-model/encode-json.ts';
import { cellsOf, type NamedColumn, toRowText } from '../../read-model/row-text.ts';
import { writeDefinition } from '../../read-model/statements/statement-registry.ts';
import type { ColumnInfo } from '../../read-model/table-info.ts';
import { toSelect } from '../../read-model/write-sql.ts';
import type { RecordingHandlers } from './recording-handlers.ts';

const ROWS_MAX = 500;
/** A table of at most so many rows is read whole when it is unknown which rows the handler reads. */
const SMALL = 200;

/**
 * Reads the projection's tables and those that its look-ups read, each with the rows that the event would find there. Of a
 * handler with SQL of its own only the changed rows are known, so small tables are read whole.
 */
export async function readSnapshotTables(
  sql: Queryable,
  { projection, statements, ranOwnSql }: RecordingHandlers,
  projections: readonly Projection[],
  changes: readonly RowChange[],
): Promise<readonly CapsuleTable[]> {
  const shapes = new Map(projections.flatMap((one) => [...one.tables]));
  const names = [...new Set([...projection.tables.keys(), ...statements.map(({ table }) => table)])].sort();
  const catalog = await readCatalog(sql, names);
  const stored = storedTables(catalog);
  const tables: CapsuleTable[] = [];
  for (const name of names) {
    const known = stored.get(name)?.columns;
    if (known === undefined) continue;
    // A look-up may read a table that belongs to no projection, of which no key is declared.
    const shape: TableShape = shapes.get(name) ?? { key: known.slice(0, 1).map((column) => column.name) };
    const wheres = statements
      .filter(({ table }) => table === name)
      .flatMap((statement) => neededRows(statement, shape));
    const whole = ranOwnSql() && projection.tables.has(name) ? await readSmall(sql, name, known) : [];
    const found = [
      ...whole,
      ...changes.flatMap(({ table, before }) => (table === name && before !== null ? [before] : [])),
    ];
    for (const where of distinct(wheres)) {
      found.push(...(await readRows(sql, name, known, encodeJsonWhere(name, where, catalog.json), ROWS_MAX)));
    }
    const rows = distinct(found).sort(byText);
    tables.push({
      name,
      key: shape.key,
      unique: shape.unique ?? [],
      columns: known.map(toCapsuleColumn),
      rows: rows.slice(0, ROWS_MAX),
      more: rows.length > ROWS_MAX,
    });
  }
  return tables;
}

/**
 * The conditions of the rows that a statement would find: the rows that it names, and those whose key its values would
 * duplicate.
 */
function neededRows(statement: FlatStatement, shape: TableShape): readonly Where[] {
  if (statement.kind === 'lookup') return [statement.where];
  const { matching, written = {}, conflict } = writeDefinition(statement).touched(statement);
  const unique = [...(shape.unique ?? []), ...(conflict === undefined ? [] : [conflict])];
  return [...(matching === undefined ? [] : [matching]), ...byKeys({ ...shape, unique }, written)];
}

function byKeys({ key, unique = [] }: TableShape, values: Readonly<Record<string, unknown>>): readonly Where[] {
  return [key, ...unique].flatMap((columns) => {
    const given = columns.map((column) => values[column]);
    if (given.some((value) => value === undefined || value === null || isChange(value) || isNot(value))) return [];
    return [Object.fromEntries(columns.map((column, index) => [column, given[index] as ColumnValue]))];
  });
}

function toCapsuleColumn({ name, type, oid, notNull, computed }: ColumnInfo): CapsuleColumn {
  return { name, type, oid, notNull, computed };
}

async function readSmall(sql: Queryable, table: string, columns: readonly NamedColumn[]): Promise<readonly RowText[]> {
  const rows = await readRows(sql, table, columns, {}, SMALL + 1);
  return rows.length > SMALL ? [] : rows;
}

async function readRows(
  sql: Queryable,
  table: string,
  columns: readonly NamedColumn[],
  where: Where,
  limit: number,
): Promise<readonly RowText[]> {
  const { text, values } = toSelect(table, `${cellsOf(columns)} AS cells`, where, limit);
  const rows = await sql.unsafe<{ cells: (string | null)[] }[]>(text, values).catch((error: unknown) => {
    // The failed statement had the same error: a value that its column cannot hold, or a missing column. No row matches.
    if (/^(22|42)/.test(sqlstateOf(error) ?? '')) return [];
    throw error;
  });
  return rows.map(({ cells }) => toRowText(columns, cells));
}

/** Rows and conditions contain plain values only, so equal ones have equal texts. */
function distinct<T extends object>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [textOf(value), value])).values()];
}

function byText(one: RowText, other: RowText): number {
  const [left, right] = [textOf(one), textOf(other)];
  return left < right ? -1 : Number(left > right);
}

function textOf(value: object): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
}
