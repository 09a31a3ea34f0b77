import { EngineError } from './errors.ts';
import type {
  ColumnValue,
  Create,
  Lookup,
  None,
  Not,
  Remove,
  Row,
  Several,
  Statement,
  Update,
  Upsert,
  Where,
} from './statement.ts';

/** INSERT. With `onConflict: 'keep'` a row that is already there stays as it is. */
export function create(
  table: string,
  values: Row,
  options: { readonly onConflict?: Create['onConflict'] } = {},
): Create {
  needSome('create', table, values);
  return { kind: 'create', table, values, onConflict: options.onConflict ?? 'fail' };
}

/** INSERT … ON CONFLICT (conflict) DO UPDATE of every other column: the latest event wins. */
export function upsert(table: string, values: Row, options: { readonly conflict: readonly string[] }): Upsert {
  const overwritten = Object.keys(values).filter((column) => !options.conflict.includes(column));
  if (overwritten.length === 0) throw new EngineError('STATEMENT_NO_VALUES', { kind: 'upsert', table });
  if (options.conflict.length === 0) throw new EngineError('STATEMENT_NO_CONDITION', { kind: 'upsert', table });
  return { kind: 'upsert', table, values, conflict: options.conflict };
}

/** UPDATE of the rows that match; none is not an error. */
export function update(table: string, set: Row, where: Where): Update {
  needSome('update', table, set);
  needCondition('update', table, where);
  return { kind: 'update', table, set, where };
}

/** DELETE of the rows that match; none is not an error. */
export function remove(table: string, where: Where): Remove {
  needCondition('remove', table, where);
  return { kind: 'remove', table, where };
}

/** Reads `select` from the row of `table` that matches, and goes on with it. A miss: see `absent`. */
export function lookup(
  table: string,
  query: {
    readonly select: string;
    readonly where: Readonly<Record<string, string>>;
    readonly absent?: Lookup['absent'];
  },
  use: Lookup['use'],
): Lookup {
  needCondition('lookup', table, query.where);
  return { kind: 'lookup', table, select: query.select, where: query.where, absent: query.absent ?? 'fail', use };
}

/** Several statements, in order, all or none. No parts: nothing. */
export function several(...statements: readonly Statement[]): Several {
  return { kind: 'several', statements };
}

/** The event is handled and changes nothing. */
export function none(): None {
  return { kind: 'none' };
}

/** In a `where`: every value but this one. */
export function not(value: ColumnValue): Not {
  return { not: value };
}

export function isNot(value: ColumnValue | Not): value is Not {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 1 &&
    'not' in value
  );
}

function needSome(kind: string, table: string, values: Row): void {
  if (Object.keys(values).length === 0) throw new EngineError('STATEMENT_NO_VALUES', { kind, table });
}

function needCondition(kind: string, table: string, where: Where): void {
  if (Object.keys(where).length === 0) throw new EngineError('STATEMENT_NO_CONDITION', { kind, table });
}
