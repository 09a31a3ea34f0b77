import { EngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { Projection } from '../../core/projection.ts';
import { type TableOwners, tableOwners } from '../../core/table-owners.ts';
import { stringifyJson } from '../../postgres/json.ts';
import { plain } from '../../read-model/plain-value.ts';
import type { Backend } from '../backend.ts';
import { toStored } from '../stored-event.ts';
import { createMemoryOperations, type MemoryState } from './memory-operations.ts';
import { MemoryTables } from './memory-tables.ts';

interface MemoryStore {
  readonly events: StoredEvent[];
  readonly tables: MemoryTables;
  readonly states: ReadonlyMap<Projection, MemoryState>;
  readonly owners: TableOwners;
  readonly maxAttempts: number;
}

/**
 * A backend without a database, for projections whose handlers return statements. A table has its declared keys and
 * nothing else: column types, defaults, NOT NULL and checks are not applied.
 */
export function createMemoryBackend(): Backend {
  let store = emptyStore([], 1);
  return {
    name: 'in memory',
    open: async (projections, { maxAttempts = 1 } = {}) => {
      store = emptyStore(projections, maxAttempts);
    },
    append: async (events) => {
      const stored = events.map((event, index) => toStored(event, BigInt(store.events.length + index + 1)));
      checkNew(store.events, stored);
      store.events.push(...stored);
    },
    operations: (projection) => createMemoryOperations({ projection, ...store }),
    rows: async (table) => store.tables.table(table).rows(),
    toRows: async (table, values) => {
      store.tables.table(table);
      return values.map((row) =>
        Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plain(value)])),
      );
    },
  };
}

function emptyStore(projections: readonly Projection[], maxAttempts: number): MemoryStore {
  const initialState = (): MemoryState => ({
    cursor: 0n,
    status: 'running',
    resumeTo: 'running',
    attempts: 0,
    replayUntil: null,
  });
  return {
    events: [],
    owners: tableOwners(projections),
    tables: new MemoryTables(projections),
    states: new Map(projections.map((projection) => [projection, initialState()])),
    maxAttempts,
  };
}

/** The unique keys of the table `events`. */
function checkNew(stored: readonly StoredEvent[], added: readonly StoredEvent[]): void {
  const ids = new Set(stored.map(({ id }) => id));
  const streamKeys = new Set(stored.map(streamKey));
  for (const event of added) {
    const { id, aggregateName, aggregateId, sequenceNo } = event;
    if (ids.has(id)) throw new EngineError('APPEND_DUPLICATE', { id });
    if (streamKeys.has(streamKey(event))) {
      throw new EngineError('APPEND_CONFLICT', { aggregateName, aggregateId, sequenceNo });
    }
    ids.add(id);
    streamKeys.add(streamKey(event));
  }
}

function streamKey({ instanceId, aggregateName, aggregateId, sequenceNo }: StoredEvent): string {
  return stringifyJson([instanceId, aggregateName, aggregateId, String(sequenceNo)]);
}

/** @deprecated Use `createMemoryBackend`. */
export function createMemoryStage(): Backend {
  return createMemoryBackend();
}
