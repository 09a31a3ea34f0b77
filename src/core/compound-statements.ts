import type { Lookup, Multi, None, Statement } from './statement.ts';
import { checkWhere, needTable } from './statement-guards.ts';

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
