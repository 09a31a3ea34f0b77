import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { ReachedTable } from '../read-model/foreign-keys.ts';

/** What one reset comes to. Everything happens in one transaction, in this order. */
export interface ResetPlan {
  /** Whose rows in projection_state go back to 0, by name. */
  readonly projections: readonly Projection[];
  /** Every table involved, as SQL writes it. */
  readonly tables: readonly string[];
  /** Projections that empty their tables themselves, and must do so before the TRUNCATE that has to name those tables. */
  readonly handlersBefore: readonly Projection[];
  /** Tables of theirs that must be empty by then: the TRUNCATE would take what they keep. */
  readonly mustBeEmpty: readonly string[];
  /** Named in the one TRUNCATE; empty when there is nothing to truncate. */
  readonly truncate: readonly string[];
  readonly handlersAfter: readonly Projection[];
  /** Which other projections are reset with it, and by which foreign key. */
  readonly also: readonly { readonly name: string; readonly because: string }[];
}

/**
 * Decides what is reset together. TRUNCATE refuses a table that is referenced by one that it does not name, and CASCADE
 * would empty that one without a word: its rows would never come back. So whoever is referenced takes along who
 * references it, all of that projection's tables and its cursor; a table of nobody's cannot be replayed and forbids it.
 * @throws EngineError RESET_REFUSED, TABLE_MISSING
 */
export function planReset(name: string, known: readonly Projection[], reached: readonly ReachedTable[]): ResetPlan {
  const refuse = (reason: string) => new EngineError('RESET_REFUSED', { name, reason });
  const stranger = reached.find(({ projection }) => projection === null);
  if (stranger !== undefined) throw refuse(strangerReason(stranger));
  const names = new Set(reached.map(({ projection }) => projection));
  const projections = known.filter((one) => names.has(one.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const byDefault = new Set(projections.filter(({ reset }) => reset === null).map((one) => one.name));

  const truncate = new Set<string>();
  for (const { table, kind, projection } of reached) {
    if (projection === null || !byDefault.has(projection)) continue;
    if (kind === 'v' || kind === 'm')
      throw refuse(`${table} is a view, which cannot be truncated: give '${projection}' a reset of its own`);
    truncate.add(table);
  }
  for (const one of projections) if (one.reset === null) expectThere(one, reached);
  const mustBeEmpty = new Set<string>();
  // A set that grows while it is walked: what references a table that is added is added too.
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

function strangerReason({ table, constraint, source }: ReachedTable): string {
  return constraint === null
    ? `${table} inherits from ${source} and belongs to no projection, so its rows would not come back: detach it, or declare it`
    : `${table} references ${source} (foreign key ${constraint}) and belongs to no projection, so its rows would not come back: drop the foreign key, or declare the table`;
}

function expectThere({ name, tables }: Projection, reached: readonly ReachedTable[]): void {
  const there = new Set(reached.filter(({ projection }) => projection === name).map(({ declared }) => declared));
  for (const table of tables.keys()) if (!there.has(table)) throw new EngineError('TABLE_MISSING', { table, name });
}

function because(name: string, reached: readonly ReachedTable[]): string {
  const edge = reached.find(
    ({ projection, constraint, sourceProjection }) =>
      projection === name && constraint !== null && sourceProjection !== name,
  );
  return `${edge?.table} references ${edge?.source} (foreign key ${edge?.constraint})`;
}
