import { isChange } from '../../core/changes.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Changes } from '../../core/statement.ts';
import { checkValues, needCondition, needSome, needTable } from '../../core/statement-guards.ts';
import { changeDefinition } from '../column-changes/change-registry.ts';
import { columnList, overwritten, without } from './sql-parts.ts';
import type { WriteDefinition } from './statement-definition.ts';

interface Upsert {
  readonly kind: 'upsert';
  readonly table: string;
  /** A change is applied to the existing row, or to NULL where there is none. */
  readonly values: Changes;
  /** The columns of a unique key that decides whether the row exists; every other column is overwritten or changed. */
  readonly conflict: readonly string[];
}

declare module '../../core/statement.ts' {
  interface WriteKinds {
    readonly upsert: Upsert;
  }
}

/**
 * INSERT … ON CONFLICT (conflict) DO UPDATE of every other column: the latest event wins. A column may also be changed
 * (`increment`, `arrayAppend` …): a change starts from the stored value, or from NULL where the row is new.
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_VALUES, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function upsert(table: string, values: Changes, options: { readonly conflict: readonly string[] }): Upsert {
  const { conflict } = options;
  needTable('upsert', table);
  needSome('upsert', table, without(Object.keys(values), conflict), 'give one beside the conflict columns');
  needCondition('upsert', table, conflict);
  checkValues('upsert', table, values, conflict);
  return { kind: 'upsert', table, values, conflict };
}

export const upsertStatement: WriteDefinition<Upsert> = {
  kind: 'upsert',
  forms: [
    {
      call: 'upsert(table, values, { conflict })',
      does: 'Inserts a row, or overwrites the given columns of the one with the same `conflict` columns',
      example: ({ table, key, set, conflict }) => upsert(table, { ...key, ...set }, { conflict }),
    },
  ],
  toText({ table, values, conflict }, bind) {
    const name = quoteIdentifier(table);
    const inserted: string[] = [];
    const assignments: string[] = [];
    for (const [column, value] of Object.entries(values)) {
      if (isChange(value)) {
        const definition = changeDefinition(value);
        const parameter = bind(definition.parameter(value));
        const stored = quoteIdentifier(column);
        inserted.push(definition.inNewRow(parameter));
        assignments.push(`${stored} = ${definition.inRow(`${name}.${stored}`, parameter)}`);
      } else {
        inserted.push(bind(value));
        if (!conflict.includes(column)) assignments.push(overwritten(column));
      }
    }
    return (
      `INSERT INTO ${name} (${columnList(Object.keys(values))}) VALUES (${inserted.join(', ')})` +
      ` ON CONFLICT (${columnList(conflict)}) DO UPDATE SET ${assignments.join(', ')}`
    );
  },
  encoded: (write, { row }) => ({ ...write, values: row(write.values) }),
  mustWrite: () => 1,
  touched: ({ values, conflict }) => ({ written: values, conflict }),
  // PostgreSQL checks the row to be inserted before it searches for an existing one, so an upsert that leaves out a column
  // fails also where the row exists.
  adviceOnNull: ({ values }, column) =>
    Object.hasOwn(values, column)
      ? undefined
      : `this upsert leaves out '${column}', which the row needs if it has to be made: give it, or use update(…) for a row that is there`,
  inMemory: ({ values, conflict }, rows) => rows.insert(values, conflict),
};
