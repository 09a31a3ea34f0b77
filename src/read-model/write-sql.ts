import { isChange, isNot } from '../core/changes.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Change, ColumnValue, Copy, Create, Remove, Row, Update, Upsert, Where } from '../core/statement.ts';
import { changeDefinition } from './column-changes/change-registry.ts';

/** A statement that writes: what is left when look-ups are resolved and compounds are taken apart. */
export type Write = Create | Upsert | Update | Remove | Copy;

export interface SqlText {
  readonly text: string;
  readonly values: readonly ColumnValue[];
  /** How many rows it changes whatever is stored; not set where that depends on the rows. */
  readonly changes?: number | undefined;
  /** Selects the number of rows that it must change, if that depends on the rows and the table may leave some out. */
  readonly counting?: SqlText | undefined;
}

/** Takes a value as the statement's next parameter, and says how it is written there. */
type Place = (value: ColumnValue) => string;

/** One write as SQL. The text depends on its shape alone, so a page prepares a handful of statements. */
export function toSql(write: Write, lossy = false): SqlText {
  const sql = render((place) => textOf(write, place));
  if (changesOf(write) !== undefined) return { ...sql, changes: changesOf(write) };
  return lossy && 'where' in write ? { ...sql, counting: render((place) => countText(write, place)) } : sql;
}

/**
 * The same for a transaction whose COMMIT is on its way already: where another number of rows is changed, the division
 * takes it back. The rows are counted as they were before the statement, whose changes no part of it sees.
 */
export function toSqlOrFail(write: Write, lossy = false): SqlText {
  return render((place) => {
    const text = textOf(write, place);
    if (changesOf(write) !== undefined) return `WITH w AS (${text} RETURNING 1) SELECT 1 / count(*) FROM w`;
    if (!lossy || !('where' in write)) return text;
    return `WITH w AS (${text} RETURNING 1) SELECT 1 / (count(*) = (${countText(write, place)}))::int FROM w`;
  });
}

function render(write: (place: Place) => string): SqlText {
  const values: ColumnValue[] = [];
  return { text: write((value) => `$${values.push(value)}`), values };
}

/** A new row, or one in its place: a table that takes neither (a trigger, a rule) has lost it. */
function changesOf(write: Write): number | undefined {
  return write.kind === 'upsert' || (write.kind === 'create' && write.onConflict === 'fail') ? 1 : undefined;
}

function countText({ table, where }: Update | Remove | Copy, place: Place): string {
  return `SELECT count(*)::int AS rows FROM ${quoteIdentifier(table)} WHERE ${condition(where, place)}`;
}

/** The rows that match, from alias `r`; `columns` as after SELECT. */
export function toSelect(table: string, columns: string, where: Where, limit: number): SqlText {
  return render((place) => {
    const matching = condition(where, place);
    const text = `SELECT ${columns} FROM ${quoteIdentifier(table)} AS r${matching === '' ? '' : ` WHERE ${matching}`}`;
    return `${text} LIMIT ${limit}`;
  });
}

function textOf(write: Write, place: Place): string {
  const table = quoteIdentifier(write.table);
  switch (write.kind) {
    case 'create':
      return `${insertInto(table, write.values, place)}${write.onConflict === 'keep' ? ' ON CONFLICT DO NOTHING' : ''}`;
    case 'upsert':
      return upsertText(table, write, place);
    case 'update': {
      const assignments = Object.entries(write.set).map(([column, value]) => {
        const name = quoteIdentifier(column);
        return `${name} = ${isChange(value) ? changedText(name, value, place) : place(value)}`;
      });
      return `UPDATE ${table} SET ${assignments.join(', ')} WHERE ${condition(write.where, place)}`;
    }
    case 'remove':
      return `DELETE FROM ${table} WHERE ${condition(write.where, place)}`;
    case 'copy':
      return copyText(table, write, place);
  }
}

function insertInto(table: string, row: Row, place: Place): string {
  return `INSERT INTO ${table} (${list(Object.keys(row))}) VALUES (${Object.values(row).map(place).join(', ')})`;
}

function upsertText(table: string, { values, conflict }: Upsert, place: Place): string {
  const fresh: string[] = [];
  const assignments: string[] = [];
  for (const [column, value] of Object.entries(values)) {
    const name = quoteIdentifier(column);
    if (isChange(value)) {
      const definition = changeDefinition(value);
      const given = place(definition.parameter(value));
      fresh.push(definition.inNewRow(given));
      assignments.push(`${name} = ${definition.inRow(`${table}.${name}`, given)}`);
    } else {
      fresh.push(place(value));
      if (!conflict.includes(column)) assignments.push(overwritten(column));
    }
  }
  return (
    `INSERT INTO ${table} (${list(Object.keys(values))}) VALUES (${fresh.join(', ')})` +
    ` ON CONFLICT (${list(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
  );
}

function copyText(table: string, { from, to, set, where, conflict }: Copy, place: Place): string {
  const copied = to.flatMap((column, index) =>
    Object.hasOwn(set, column) ? [] : [[column, from[index] ?? ''] as const],
  );
  const columns = [...copied.map(([column]) => column), ...Object.keys(set)];
  const read = [...copied.map(([, source]) => quoteIdentifier(source)), ...Object.values(set).map(place)];
  const assignments = columns.filter((column) => !conflict.includes(column)).map(overwritten);
  return (
    `INSERT INTO ${table} (${list(columns)}) SELECT ${read.join(', ')} FROM ${table} WHERE ${condition(where, place)}` +
    ` ON CONFLICT (${list(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
  );
}

function changedText(current: string, change: Change, place: Place): string {
  const definition = changeDefinition(change);
  return definition.inRow(current, place(definition.parameter(change)));
}

function overwritten(column: string): string {
  return `${quoteIdentifier(column)} = EXCLUDED.${quoteIdentifier(column)}`;
}

function condition(where: Where, place: Place): string {
  const parts = Object.entries(where).map(([column, wanted]) => {
    const name = quoteIdentifier(column);
    if (wanted === null) return `${name} IS NULL`;
    return isNot(wanted) ? `${name} IS DISTINCT FROM ${place(wanted.not)}` : `${name} = ${place(wanted)}`;
  });
  return parts.join(' AND ');
}

function list(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ');
}
