import { EngineError } from './errors.ts';
import type {
  Changes,
  Copy,
  Create,
  Lookup,
  Multi,
  None,
  Remove,
  Row,
  Statement,
  Update,
  Upsert,
  Where,
} from './statement.ts';
import { checkValues, checkWhere, needCondition, needSome, needTable } from './statement-guards.ts';

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

/**
 * DELETE of the rows that match; no row is not an error.
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function remove(table: string, where: Where): Remove {
  needTable('remove', table);
  checkWhere('remove', table, where);
  return { kind: 'remove', table, where };
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

/**
 * Reads column `select` of the row of `table` that matches, and calls `use` with its text. `onMissing` decides what follows
 * where no row matches (default: the event fails).
 * @throws EngineError STATEMENT_NO_TABLE, STATEMENT_NO_CONDITION, STATEMENT_VALUE_INVALID
 */
export function lookup(
  table: string,
  query: {
    readonly select: string;
    readonly where: Readonly<Record<string, string>>;
    readonly onMissing?: Lookup['onMissing'];
    /** @deprecated Use `onMissing`, which wins where both are given. */
    readonly absent?: Lookup['onMissing'];
  },
  use: Lookup['use'],
): Lookup {
  needTable('lookup', table);
  checkWhere('lookup', table, query.where);
  const onMissing = query.onMissing ?? query.absent ?? 'fail';
  return { kind: 'lookup', table, select: query.select, where: query.where, onMissing, use };
}

/** Several statements, in order, all or none. `multi()` changes nothing. */
export function multi(...statements: readonly Statement[]): Multi {
  return { kind: 'multi', statements };
}

/** @deprecated Use `multi`. */
export function several(...statements: readonly Statement[]): Multi {
  return multi(...statements);
}

/** The event is handled and changes nothing. */
export function none(): None {
  return { kind: 'none' };
}

function without(columns: readonly string[], excluded: readonly string[]): readonly string[] {
  return columns.filter((column) => !excluded.includes(column));
}
