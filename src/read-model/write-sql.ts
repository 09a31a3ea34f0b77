import { isChange, isNot } from '../core/changes.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Change, ColumnValue, Copy, Create, Remove, Row, Update, Upsert, Where } from '../core/statement.ts';
import { changeDefinition } from './column-changes/change-registry.ts';

/** A statement that writes one table: what remains when look-ups are resolved and compound statements are flattened. */
export type Write = Create | Upsert | Update | Remove | Copy;

export interface SqlText {
  readonly text: string;
  readonly values: readonly ColumnValue[];
  /** Number of rows that it must change; not set if the number depends on the stored rows. */
  readonly changes?: number | undefined;
  /** A query for the number of rows that it must change; set if the number depends on stored rows and the table is lossy. */
  readonly counting?: SqlText | undefined;
}

/** Adds a value as the next parameter of the statement. Returns its placeholder, `$3`. */
type Bind = (value: ColumnValue) => string;

/**
 * One write as SQL. The text depends on the shape of the write alone, so a page prepares a handful of statements.
 * @param lossy whether the table can leave a row out of an UPDATE or a DELETE without an error; see `Catalog.lossy`
 */
export function toSql(write: Write, lossy = false): SqlText {
  const sql = render((bind) => textOf(write, bind));
  if (changesOf(write) !== undefined) return { ...sql, changes: changesOf(write) };
  return lossy && 'where' in write ? { ...sql, counting: render((bind) => countText(write, bind)) } : sql;
}

/**
 * The same for a transaction whose COMMIT is already sent: if the statement changes another number of rows, a division by
 * zero rolls the transaction back. The rows are counted as they were before the statement, because no part of a statement
 * sees its changes.
 */
export function toSqlOrFail(write: Write, lossy = false): SqlText {
  return render((bind) => {
    const text = textOf(write, bind);
    if (changesOf(write) !== undefined) return `WITH w AS (${text} RETURNING 1) SELECT 1 / count(*) FROM w`;
    if (!lossy || !('where' in write)) return text;
    return `WITH w AS (${text} RETURNING 1) SELECT 1 / (count(*) = (${countText(write, bind)}))::int FROM w`;
  });
}

function render(write: (bind: Bind) => string): SqlText {
  const values: ColumnValue[] = [];
  return { text: write((value) => `$${values.push(value)}`), values };
}

/** An upsert and a failing create must write exactly one row: a trigger or a rule that discards it loses it. */
function changesOf(write: Write): number | undefined {
  return write.kind === 'upsert' || (write.kind === 'create' && write.onConflict === 'fail') ? 1 : undefined;
}

function countText({ table, where }: Update | Remove | Copy, bind: Bind): string {
  return `SELECT count(*)::int AS rows FROM ${quoteIdentifier(table)} WHERE ${condition(where, bind)}`;
}

/** SELECT of the rows that match, with the table as `r`. @param columns the select list */
export function toSelect(table: string, columns: string, where: Where, limit: number): SqlText {
  return render((bind) => {
    const matching = condition(where, bind);
    const text = `SELECT ${columns} FROM ${quoteIdentifier(table)} AS r${matching === '' ? '' : ` WHERE ${matching}`}`;
    return `${text} LIMIT ${limit}`;
  });
}

function textOf(write: Write, bind: Bind): string {
  const table = quoteIdentifier(write.table);
  switch (write.kind) {
    case 'create':
      return `${insertInto(table, write.values, bind)}${write.onConflict === 'keep' ? ' ON CONFLICT DO NOTHING' : ''}`;
    case 'upsert':
      return upsertText(table, write, bind);
    case 'update': {
      const assignments = Object.entries(write.set).map(([column, value]) => {
        const name = quoteIdentifier(column);
        return `${name} = ${isChange(value) ? changedText(name, value, bind) : bind(value)}`;
      });
      return `UPDATE ${table} SET ${assignments.join(', ')} WHERE ${condition(write.where, bind)}`;
    }
    case 'remove':
      return `DELETE FROM ${table} WHERE ${condition(write.where, bind)}`;
    case 'copy':
      return copyText(table, write, bind);
  }
}

function insertInto(table: string, row: Row, bind: Bind): string {
  return `INSERT INTO ${table} (${list(Object.keys(row))}) VALUES (${Object.values(row).map(bind).join(', ')})`;
}

function upsertText(table: string, { values, conflict }: Upsert, bind: Bind): string {
  const inserted: string[] = [];
  const assignments: string[] = [];
  for (const [column, value] of Object.entries(values)) {
    const name = quoteIdentifier(column);
    if (isChange(value)) {
      const definition = changeDefinition(value);
      const parameter = bind(definition.parameter(value));
      inserted.push(definition.inNewRow(parameter));
      assignments.push(`${name} = ${definition.inRow(`${table}.${name}`, parameter)}`);
    } else {
      inserted.push(bind(value));
      if (!conflict.includes(column)) assignments.push(overwritten(column));
    }
  }
  return (
    `INSERT INTO ${table} (${list(Object.keys(values))}) VALUES (${inserted.join(', ')})` +
    ` ON CONFLICT (${list(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
  );
}

function copyText(table: string, { from, to, set, where, conflict }: Copy, bind: Bind): string {
  const copied = to.flatMap((column, index) =>
    Object.hasOwn(set, column) ? [] : [[column, from[index] ?? ''] as const],
  );
  const columns = [...copied.map(([column]) => column), ...Object.keys(set)];
  const read = [...copied.map(([, source]) => quoteIdentifier(source)), ...Object.values(set).map(bind)];
  const assignments = columns.filter((column) => !conflict.includes(column)).map(overwritten);
  return (
    `INSERT INTO ${table} (${list(columns)}) SELECT ${read.join(', ')} FROM ${table} WHERE ${condition(where, bind)}` +
    ` ON CONFLICT (${list(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
  );
}

function changedText(current: string, change: Change, bind: Bind): string {
  const definition = changeDefinition(change);
  return definition.inRow(current, bind(definition.parameter(change)));
}

function overwritten(column: string): string {
  return `${quoteIdentifier(column)} = EXCLUDED.${quoteIdentifier(column)}`;
}

function condition(where: Where, bind: Bind): string {
  const parts = Object.entries(where).map(([column, wanted]) => {
    const name = quoteIdentifier(column);
    if (wanted === null) return `${name} IS NULL`;
    return isNot(wanted) ? `${name} IS DISTINCT FROM ${bind(wanted.not)}` : `${name} = ${bind(wanted)}`;
  });
  return parts.join(' AND ');
}

function list(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ');
}
