import { EngineError } from '../../core/errors.ts';
import type { Row } from '../../core/statement.ts';
import { toIso } from '../../event-store/read.ts';
import { stringifyJson } from '../../postgres/json.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { readCatalog } from '../../read-model/catalog.ts';
import type { TestRow } from '../backend.ts';

/** Reads tables for tests. Converts expected values to what a read would return, by the types of their columns. */
export interface RowReader {
  read(table: string): Promise<readonly TestRow[]>;
  /** @throws EngineError TEST_INVALID when a column does not exist, or cannot hold the value */
  asRead(table: string, values: readonly Row[]): Promise<readonly TestRow[]>;
}

export function createRowReader(sql: Queryable): RowReader {
  /** The columns of each table, and which of them are timestamps. Cached: tables do not change while tests run. */
  const known = new Map<string, { readonly columns: readonly string[]; readonly times: readonly string[] }>();

  async function columnsOf(table: string) {
    const found = known.get(table);
    if (found !== undefined) return found;
    const columns = (await readCatalog(sql, [table])).tables.get(table)?.columns;
    if (columns === undefined) throw new EngineError('TEST_INVALID', { reason: `there is no table '${table}'` });
    const times = columns.filter(({ type }) => /^timestamp.* with time zone$/.test(type));
    const info = { columns: columns.map(({ name }) => name), times: times.map(({ name }) => name) };
    known.set(table, info);
    return info;
  }

  async function convert(table: string, rows: readonly TestRow[]): Promise<readonly TestRow[]> {
    const { times } = await columnsOf(table);
    return rows.map((row) => ({ ...row, ...Object.fromEntries(times.map((time) => [time, iso(row[time])])) }));
  }

  return {
    read: async (table) => await convert(table, await sql<TestRow[]>`SELECT * FROM ${sql(table)}`),
    asRead: async (table, values) => {
      const { columns } = await columnsOf(table);
      const unknown = values.flatMap(Object.keys).find((column) => !columns.includes(column));
      if (unknown !== undefined) {
        const reason = `table '${table}' has no column '${unknown}' (it has ${columns.join(', ')})`;
        throw new EngineError('TEST_INVALID', { reason });
      }
      const read = await sql<TestRow[]>`
        SELECT * FROM jsonb_populate_recordset(NULL::${sql(table)}, ${stringifyJson(values)}::text::jsonb)`.catch(
        (error: unknown) => {
          const reason = `an expected row cannot be one of '${table}': ${error instanceof Error ? error.message : error}`;
          throw new EngineError('TEST_INVALID', { reason }, { cause: error });
        },
      );
      const rows = await convert(table, read);
      return values.map((given, index) =>
        Object.fromEntries(Object.keys(given).map((column) => [column, rows[index]?.[column]])),
      );
    },
  };
}

function iso(value: unknown): unknown {
  return typeof value === 'string' ? toIso(value) : value;
}
