import { EngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { HandlerContext, Projection } from '../../core/projection.ts';
import type { Lookup } from '../../core/statement.ts';
import { checkedEvent } from '../../projector/checked-event.ts';
import { type FlatStatement, flattenStatements } from '../../projector/flatten.ts';
import { lookupMissed } from '../../projector/lookups.ts';
import { writeDefinition } from '../../read-model/statements/statement-registry.ts';
import { MemoryTable } from './memory-table.ts';

/** Resolves a look-up: the text that it found, or null for a miss that the look-up allows. It throws for any other miss. */
export type Resolve = (lookup: Lookup, find: () => string | null) => string | null;

/** The tables of projections in memory. Applies statements to them. */
export class MemoryTables {
  readonly #tables: ReadonlyMap<string, MemoryTable>;
  readonly #journal: (() => void)[] = [];

  constructor(projections: readonly Pick<Projection, 'tables'>[]) {
    const shapes = projections.flatMap(({ tables }) => [...tables]);
    this.#tables = new Map(shapes.map(([name, shape]) => [name, new MemoryTable(name, shape, this.#journal)]));
  }

  table(name: string): MemoryTable {
    const table = this.#tables.get(name);
    if (table === undefined) {
      const known = [...this.#tables.keys()].join(', ');
      throw new EngineError('TEST_INVALID', {
        reason: `no projection of this test has a table '${name}' (there are ${known})`,
      });
    }
    return table;
  }

  /**
   * Applies one event completely or not at all. The payload is checked as the engine checks it.
   * @throws what the handler or a statement throws; EngineError TEST_NEEDS_POSTGRES for a handler with SQL of its own
   */
  apply(projection: Projection, event: StoredEvent, replaying: boolean, resolve: Resolve = resolveWithoutOwners): void {
    this.#journal.length = 0;
    try {
      for (const statement of statementsOf(projection, event, replaying)) this.#run(statement, resolve);
    } catch (error) {
      for (const undo of this.#journal.reverse()) undo();
      throw error;
    }
  }

  #run(statement: FlatStatement, resolve: Resolve): void {
    const table = this.table(statement.table);
    if (statement.kind !== 'lookup') {
      writeDefinition(statement).inMemory(statement, table);
      return;
    }
    const found = resolve(statement, () => find(table, statement));
    if (found !== null) for (const next of flattenStatements(statement.use(found))) this.#run(next, resolve);
  }
}

/** The statements that the handler returns. @throws EngineError TEST_NEEDS_POSTGRES when the handler uses the transaction */
function statementsOf(projection: Projection, event: StoredEvent, replaying: boolean): readonly FlatStatement[] {
  const handler = projection.handlers.get(event.name);
  if (handler === undefined) return [];
  const needsPostgres = () =>
    new EngineError('TEST_NEEDS_POSTGRES', { what: `the handler of ${event.name}`, name: projection.name });
  if (handler.constructor.name === 'AsyncFunction') throw needsPostgres();
  const context: HandlerContext = {
    tx: () => {
      throw needsPostgres();
    },
    replaying,
  };
  const result: unknown = handler(checkedEvent(projection, event), context);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw needsPostgres();
  }
  return flattenStatements(result);
}

/** PostgreSQL casts the text to the type of the column; memory has no column types, so the text of the value is compared. */
function find(table: MemoryTable, { select, where }: Lookup): string | null {
  const wanted = Object.entries(where);
  const row =
    table.matching(where)[0] ??
    table.rows().find((one) => wanted.every(([column, text]) => String(one[column]) === text));
  const value = row?.[select] ?? null;
  return value === null ? null : String(value);
}

/** Resolves look-ups in tables alone: no projection can be behind, so every miss is final. */
function resolveWithoutOwners(lookup: Lookup, find: () => string | null): string | null {
  const found = find();
  if (found !== null || lookup.onMissing === 'nothing') return found;
  throw lookupMissed(lookup);
}
