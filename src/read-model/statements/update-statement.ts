import { quoteIdentifier } from '../../core/identifier.ts';
import type { Changes, Where } from '../../core/statement.ts';
import { checkValues, checkWhere, needSome, needTable } from '../../core/statement-guards.ts';
import { assignmentList, conditionText } from './sql-parts.ts';
import type { WriteDefinition } from './statement-definition.ts';

interface Update {
  readonly kind: 'update';
  readonly table: string;
  readonly set: Changes;
  readonly where: Where;
}

declare module '../../core/statement.ts' {
  interface WriteKinds {
    readonly update: Update;
  }
}

/**
 * UPDATE of the rows that match; no row is not an error. A column gets a value or is changed (`increment` …).
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_VALUES, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function update(table: string, set: Changes, where: Where): Update {
  needTable('update', table);
  needSome('update', table, Object.keys(set), 'name the columns to set');
  checkWhere('update', table, where);
  checkValues('update', table, set, []);
  return { kind: 'update', table, set, where };
}

export const updateStatement: WriteDefinition<Update> = {
  kind: 'update',
  forms: [
    {
      call: 'update(table, set, where)',
      does: 'Sets or changes columns of each row that matches; that none matches is no error',
      example: ({ table, set, where }) => update(table, set, where),
    },
  ],
  toText: ({ table, set, where }, bind) =>
    `UPDATE ${quoteIdentifier(table)} SET ${assignmentList(set, bind)} WHERE ${conditionText(where, bind)}`,
  encoded: (write, { row, where }) => ({ ...write, set: row(write.set), where: where(write.where) }),
  mustWrite: ({ where }) => where,
  touched: ({ set, where }) => ({ matching: where, written: { ...where, ...set } as Changes }),
  inMemory: ({ set, where }, rows) => rows.update(set, where),
};
