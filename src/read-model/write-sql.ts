import { quoteIdentifier } from '../core/identifier.ts';
import type { ColumnValue, Where, Write } from '../core/statement.ts';
import { conditionText } from './statements/sql-parts.ts';
import type { Bind } from './statements/statement-definition.ts';
import { writeDefinition } from './statements/statement-registry.ts';

export interface SqlText {
  readonly text: string;
  readonly values: readonly ColumnValue[];
  /** Number of rows that it must change; not set if the number depends on the stored rows. */
  readonly changes?: number | undefined;
  /** A query for the number of rows that it must change; set if the number depends on stored rows and the table is lossy. */
  readonly counting?: SqlText | undefined;
}

/**
 * One write as SQL. The text depends on the shape of the write alone, so a page prepares a handful of statements.
 * @param lossy whether the table can leave a row out of an UPDATE or a DELETE without an error; see `Catalog.lossy`
 */
export function toSql(write: Write, lossy = false): SqlText {
  const definition = writeDefinition(write);
  const sql = render((bind) => definition.toText(write, bind));
  const required = definition.mustWrite(write);
  if (required === 1) return { ...sql, changes: required };
  return lossy && required !== null
    ? { ...sql, counting: render((bind) => countText(write.table, required, bind)) }
    : sql;
}

/**
 * The same for a transaction whose COMMIT is already sent: if the statement changes another number of rows, a division by
 * zero rolls the transaction back. The rows are counted as they were before the statement, because no part of a statement
 * sees its changes.
 */
export function toSqlOrFail(write: Write, lossy = false): SqlText {
  const definition = writeDefinition(write);
  const required = definition.mustWrite(write);
  return render((bind) => {
    const text = definition.toText(write, bind);
    if (required === 1) return `WITH w AS (${text} RETURNING 1) SELECT 1 / count(*) FROM w`;
    if (!lossy || required === null) return text;
    const count = countText(write.table, required, bind);
    return `WITH w AS (${text} RETURNING 1) SELECT 1 / (count(*) = (${count}))::int FROM w`;
  });
}

/** SELECT of the rows that match, with the table as `r`. @param columns the select list */
export function toSelect(table: string, columns: string, where: Where, limit: number): SqlText {
  return render((bind) => {
    const matching = conditionText(where, bind);
    const text = `SELECT ${columns} FROM ${quoteIdentifier(table)} AS r${matching === '' ? '' : ` WHERE ${matching}`}`;
    return `${text} LIMIT ${limit}`;
  });
}

function render(write: (bind: Bind) => string): SqlText {
  const values: ColumnValue[] = [];
  return { text: write((value) => `$${values.push(value)}`), values };
}

function countText(table: string, where: Where, bind: Bind): string {
  return `SELECT count(*)::int AS rows FROM ${quoteIdentifier(table)} WHERE ${conditionText(where, bind)}`;
}
