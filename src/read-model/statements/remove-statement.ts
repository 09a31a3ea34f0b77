import { quoteIdentifier } from '../../core/identifier.ts';
import type { Where } from '../../core/statement.ts';
import { checkWhere, needTable } from '../../core/statement-guards.ts';
import { conditionText } from './sql-parts.ts';
import type { WriteDefinition } from './statement-definition.ts';

interface Remove {
  readonly kind: 'remove';
  readonly table: string;
  readonly where: Where;
}

declare module '../../core/statement.ts' {
  interface WriteKinds {
    readonly remove: Remove;
  }
}

/**
 * DELETE of the rows that match; no row is not an error.
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function remove(table: string, where: Where): Remove {
  needTable('remove', table);
  checkWhere('remove', table, where);
  return { kind: 'remove', table, where };
}

export const removeStatement: WriteDefinition<Remove> = {
  kind: 'remove',
  forms: [
    {
      call: 'remove(table, where)',
      does: 'Deletes each row that matches; that none matches is no error',
      example: ({ table, where }) => remove(table, where),
    },
  ],
  toText: ({ table, where }, bind) => `DELETE FROM ${quoteIdentifier(table)} WHERE ${conditionText(where, bind)}`,
  encoded: (write, { where }) => ({ ...write, where: where(write.where) }),
  mustWrite: ({ where }) => where,
  touched: ({ where }) => ({ matching: where }),
  inMemory: ({ where }, rows) => rows.remove(where),
};
