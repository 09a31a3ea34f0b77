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

/** INSERT. With `onConflict: 'keep'` a row that is already there stays as it is. */
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
 * (`increment`, `arrayAppend` …): that counts from what the row has, or from nothing when the row is new.
 */
export function upsert(table: string, values: Changes, options: { readonly conflict: readonly string[] }): Upsert {
  const { conflict } = options;
  needTable('upsert', table);
  needSome('upsert', table, without(Object.keys(values), conflict), 'give one beside the conflict columns');
  needCondition('upsert', table, conflict);
  checkValues('upsert', table, values, conflict);
  return { kind: 'upsert', table, values, conflict };
}

/** UPDATE of the rows that match; none is not an error. Columns get a value or are changed (`increment` …). */
export function update(table: string, set: Changes, where: Where): Update {
  needTable('update', table);
  needSome('update', table, Object.keys(set), 'name the columns to set');
  checkWhere('update', table, where);
  checkValues('update', table, set, []);
  return { kind: 'update', table, set, where };
}

/** DELETE of the rows that match; none is not an error. */
export function remove(table: string, where: Where): Remove {
  needTable('remove', table);
  checkWhere('remove', table, where);
  return { kind: 'remove', table, where };
}

/**
 * INSERT … SELECT from the same table: a new row for each one that matches, with `from` copied into `to` (default: the
 * same columns) and the values in `set`. Where a row with the `conflict` columns is there, its others are overwritten.
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

function without(columns: readonly string[], left: readonly string[]): readonly string[] {
  return columns.filter((column) => !left.includes(column));
}
