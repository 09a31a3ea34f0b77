import { quoteIdentifier } from '../../core/identifier.ts';
import type { Row } from '../../core/statement.ts';
import { checkValues, needSome, needTable } from '../../core/statement-guards.ts';
import { columnList } from './sql-parts.ts';
import type { WriteDefinition } from './statement-definition.ts';

interface Create {
  readonly kind: 'create';
  readonly table: string;
  readonly values: Row;
  /** 'fail' (default): a conflict on any unique key is an error. 'keep': the existing row stays as it is. */
  readonly onConflict: 'fail' | 'keep';
}

declare module '../../core/statement.ts' {
  interface WriteKinds {
    readonly create: Create;
  }
}

/**
 * INSERT. With `onConflict: 'keep'` an existing row stays as it is; the default 'fail' makes a conflict an error.
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_VALUES, STATEMENT_VALUE_INVALID
 */
export function create(
  table: string,
  values: Row,
  options: { readonly onConflict?: Create['onConflict'] } = {},
): Create {
  needTable('create', table);
  needSome('create', table, Object.keys(values), 'name the columns of the row');
  checkValues('create', table, values, 'all');
  return { kind: 'create', table, values, onConflict: options.onConflict ?? 'fail' };
}

export const createStatement: WriteDefinition<Create> = {
  kind: 'create',
  forms: [
    {
      call: 'create(table, values)',
      does: 'Inserts a row; fails where a unique key is taken',
      example: ({ table, row }) => create(table, row),
    },
    {
      call: "create(table, values, { onConflict: 'keep' })",
      does: 'Inserts a row; an existing row with one of its unique keys stays as it is',
      example: ({ table, row }) => create(table, row, { onConflict: 'keep' }),
    },
  ],
  toText({ table, values, onConflict }, bind) {
    const given = Object.values(values).map(bind).join(', ');
    const insert = `INSERT INTO ${quoteIdentifier(table)} (${columnList(Object.keys(values))}) VALUES (${given})`;
    return onConflict === 'keep' ? `${insert} ON CONFLICT DO NOTHING` : insert;
  },
  encoded: (write, { row }) => ({ ...write, values: row(write.values) }),
  mustWrite: ({ onConflict }) => (onConflict === 'fail' ? 1 : null),
  touched: ({ values }) => ({ written: values }),
  inMemory: ({ values, onConflict }, rows) => rows.insert(values, onConflict),
};
