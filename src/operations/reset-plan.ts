import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { ReachedTable } from '../read-model/foreign-keys.ts';

/** What one reset changes, all in one transaction and in this order. */
export interface ResetPlan {
  /** Projections whose rows in projection_state go back to 0, ordered by name. */
  readonly projections: readonly Projection[];
  /** Every table that the reset reaches, quoted as in SQL. */
  readonly tables: readonly string[];
  /** Projections with a reset handler whose tables the TRUNCATE has to name: their handlers run before it. */
  readonly handlersBefore: readonly Projection[];
  /** Tables of theirs that must be empty before the TRUNCATE, which would delete the rows that they keep. */
  readonly mustBeEmpty: readonly string[];
  /** The tables that the TRUNCATE names; empty when there is nothing to truncate. */
  readonly truncate: readonly string[];
  readonly handlersAfter: readonly Projection[];
  /** The other projections that are reset with it, and the foreign key that causes this. */
  readonly also: readonly { readonly name: string; readonly because: string }[];
}

/**
 * Decides which projections are reset together. TRUNCATE refuses a table when a table that it does not name references it,
 * and CASCADE would empty that other table silently: its rows would never come back. So a projection is reset together with
 * every projection that references its tables. A referencing table that belongs to no projection cannot be replayed, and the
 * reset is refused.
 * @throws EngineError RESET_REFUSED, TABLE_MISSING
 */
export function planReset(name: string, known: readonly Projection[], reached: readonly ReachedTable[]): ResetPlan {
  const refuse = (reason: string) => new EngineError('RESET_REFUSED', { name, reason });
  const unowned = reached.find(({ projection }) => projection === null);
  if (unowned !== undefined) throw refuse(unownedReason(unowned));
  // Also if none of its tables exists, which `expectTables` reports.
  const names = new Set([name, ...reached.map(({ projection }) => projection)]);
  const projections = known.filter((one) => names.has(one.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const byDefault = new Set(projections.filter(({ reset }) => reset === null).map((one) => one.name));

  const truncate = new Set<string>();
  for (const { table, kind, projection } of reached) {
    if (projection === null || !byDefault.has(projection)) continue;
    if (kind === 'v' || kind === 'm')
      throw refuse(`${table} is a view, which cannot be truncated: give '${projection}' a reset of its own`);
    truncate.add(table);
  }
  for (const one of projections) if (one.reset === null) expectTables(one, reached);
  const mustBeEmpty = new Set<string>();
  // The set grows during the iteration: tables that reference an added table are added too.
  for (const source of truncate) {
    for (const { table, constraint, source: from } of reached) {
      if (constraint === null || from !== source || truncate.has(table)) continue;
      truncate.add(table);
      mustBeEmpty.add(table);
    }
  }
  const before = new Set(reached.filter(({ table }) => mustBeEmpty.has(table)).map(({ projection }) => projection));
  const withHandler = projections.filter(({ reset }) => reset !== null);
  return {
    projections,
    tables: [...new Set(reached.map(({ table }) => table))],
    handlersBefore: withHandler.filter((one) => before.has(one.name)),
    mustBeEmpty: [...mustBeEmpty],
    truncate: [...truncate],
    handlersAfter: withHandler.filter((one) => !before.has(one.name)),
    also: projections
      .filter((one) => one.name !== name)
      .map((one) => ({ name: one.name, because: because(one.name, reached) })),
  };
}

function unownedReason({ table, constraint, source }: ReachedTable): string {
  return constraint === null
    ? `${table} inherits from ${source} and belongs to no projection, so its rows would not come back: detach it, or declare it beside the other table`
    : `${table} references ${source} (foreign key ${constraint}) and belongs to no projection, so its rows would not come back: drop the foreign key, or declare the table`;
}

function expectTables({ name, tables }: Projection, reached: readonly ReachedTable[]): void {
  const existing = new Set(reached.filter(({ projection }) => projection === name).map(({ declared }) => declared));
  for (const table of tables.keys()) if (!existing.has(table)) throw new EngineError('TABLE_MISSING', { table, name });
}

function because(name: string, reached: readonly ReachedTable[]): string {
  const edges = reached.filter(
    ({ projection, source, sourceProjection }) => projection === name && source !== null && sourceProjection !== name,
  );
  // The tables of a projection reach each other, so that edge explains nothing: another one leads into the projection.
  const edge = edges.find(({ constraint }) => constraint !== null) ?? edges[0];
  if (edge === undefined) throw new Error(`no table leads a reset into '${name}'`);
  return edge.constraint === null
    ? `${edge.table} inherits from ${edge.source}`
    : `${edge.table} references ${edge.source} (foreign key ${edge.constraint})`;
}
