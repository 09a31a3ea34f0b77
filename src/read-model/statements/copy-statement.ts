import { EngineError } from '../../core/errors.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Changes, Row, Where } from '../../core/statement.ts';
import { checkValues, checkWhere, needCondition, needSome, needTable } from '../../core/statement-guards.ts';
import { columnList, conditionText, overwritten, without } from './sql-parts.ts';
import type { WriteDefinition } from './statement-definition.ts';

/** Makes new rows of the same table: copied columns of the rows that match, and the values in `set`. */
interface Copy {
  readonly kind: 'copy';
  readonly table: string;
  /** The columns that are read, and the columns of the new rows that they are written to, one to one. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Values of the new rows; these override copied values. */
  readonly set: Row;
  readonly where: Where;
  /** The columns of a unique key that decides whether a new row exists already; its other columns are overwritten. */
  readonly conflict: readonly string[];
}

declare module '../../core/statement.ts' {
  interface WriteKinds {
    readonly copy: Copy;
  }
}

/**
 * INSERT … SELECT from the same table: a new row for each row that matches, with `from` copied into `to` (default: the same
 * columns) and the values in `set`. Where a row with these `conflict` columns exists, its other columns are overwritten.
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_VALUES, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function copy(
  table: string,
  options: {
    readonly from: readonly string[];
    readonly to?: readonly string[];
    readonly set?: Row;
    readonly where: Where;
    readonly conflict: readonly string[];
  },
): Copy {
  const { from, to = from, set = {}, where, conflict } = options;
  needTable('copy', table);
  needSome('copy', table, from, 'name the columns to copy');
  if (from.length !== to.length) {
    const reason = `${from.length} columns cannot be copied into ${to.length}`;
    throw new EngineError('STATEMENT_NO_VALUES', { kind: 'copy', table, reason });
  }
  needSome('copy', table, without([...to, ...Object.keys(set)], conflict), 'give one beside the conflict columns');
  needCondition('copy', table, conflict);
  checkWhere('copy', table, where);
  checkValues('copy', table, set, 'all');
  return { kind: 'copy', table, from, to, set, where, conflict };
}

export const copyStatement: WriteDefinition<Copy> = {
  kind: 'copy',
  forms: [
    {
      call: 'copy(table, { from, to?, set?, where, conflict })',
      does: 'Inserts a row for each row of the table that matches, with columns of that row and the values in `set`, or overwrites the row with the same `conflict` columns',
      example: ({ table, key, set, where, conflict }) =>
        copy(table, { from: Object.keys(set), set: key, where, conflict }),
    },
  ],
  toText({ table, from, to, set, where, conflict }, bind) {
    const name = quoteIdentifier(table);
    const copied = to.flatMap((column, index) =>
      Object.hasOwn(set, column) ? [] : [[column, from[index] ?? ''] as const],
    );
    const columns = [...copied.map(([column]) => column), ...Object.keys(set)];
    const read = [...copied.map(([, source]) => quoteIdentifier(source)), ...Object.values(set).map(bind)];
    const assignments = without(columns, conflict).map(overwritten);
    return (
      `INSERT INTO ${name} (${columnList(columns)}) SELECT ${read.join(', ')} FROM ${name} WHERE ${conditionText(where, bind)}` +
      ` ON CONFLICT (${columnList(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
    );
  },
  encoded: (write, { row, where }) => ({ ...write, set: row(write.set) as Row, where: where(write.where) }),
  mustWrite: ({ where }) => where,
  touched: ({ set, where }) => ({ matching: where, written: { ...where, ...set } as Changes }),
  inOrderBecause: 'a copy reads rows that the page may write',
  inMemory({ from, to, set, where, conflict }, rows) {
    const made = rows.matching(where).map((row) => ({
      ...Object.fromEntries(to.map((column, index) => [column, row[from[index] ?? ''] ?? null])),
      ...set,
    }));
    rows.upsertAll(made, conflict);
  },
};
