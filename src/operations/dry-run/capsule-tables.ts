import type { CapsuleColumn, CapsuleTable } from '../../core/capsule.ts';
import type { RowChange, RowText } from '../../core/failure.ts';
import type { Projection, TableShape } from '../../core/projection.ts';
import type { Where } from '../../core/statement.ts';
import { sqlstateOf } from '../../postgres/errors.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { readCatalog, storedTables } from '../../read-model/catalog.ts';
import { encodeJson } from '../../read-model/encode-json.ts';
import { cellsOf, type NamedColumn, toRowText } from '../../read-model/row-text.ts';
import type { ColumnInfo } from '../../read-model/table-info.ts';
import { toSelect } from '../../read-model/write-sql.ts';
import { neededRows } from './needed-rows.ts';
import type { Observed } from './recorded-handlers.ts';

const ROWS_MAX = 500;
/** Up to so many rows a table is taken as a whole where nobody can know what a handler reads. */
const SMALL = 200;

/**
 * The projection's tables and those that are looked up in, each with the rows that the event would find there. Of a
 * handler with SQL of its own only the rows are known that it changed; small tables come whole then.
 */
export async function readCapsuleTables(
  sql: Queryable,
  { projection, wanted, imperative }: Observed,
  projections: readonly Projection[],
  changes: readonly RowChange[],
): Promise<readonly CapsuleTable[]> {
  const shapes = new Map(projections.flatMap((one) => [...one.tables]));
  const names = [...new Set([...projection.tables.keys(), ...wanted.map(({ table }) => table)])].sort();
  const catalog = await readCatalog(sql, names);
  const stored = storedTables(catalog);
  const tables: CapsuleTable[] = [];
  for (const name of names) {
    const known = stored.get(name)?.columns;
    if (known === undefined) continue;
    // A look-up may lead into a table of nobody's: all that is known of it is what is in it.
    const shape: TableShape = shapes.get(name) ?? { key: known.slice(0, 1).map((column) => column.name) };
    const wheres = wanted.filter(({ table }) => table === name).flatMap((statement) => neededRows(statement, shape));
    const whole = imperative() && projection.tables.has(name) ? await readSmall(sql, name, known) : [];
    const found = [
      ...whole,
      ...changes.flatMap(({ table, before }) => (table === name && before !== null ? [before] : [])),
    ];
    for (const where of distinct(wheres)) {
      const { where: encoded } = encodeJson({ kind: 'remove', table: name, where }, catalog.json) as {
        readonly where: Where;
      };
      found.push(...(await readRows(sql, name, known, encoded, ROWS_MAX)));
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
    // The statement itself failed by this: no row matches what is no value of its column, or a column that is not there.
    if (/^(22|42)/.test(sqlstateOf(error) ?? '')) return [];
    throw error;
  });
  return rows.map(({ cells }) => toRowText(columns, cells));
}

/** Rows and conditions hold plain values, so equal ones have equal texts. */
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
