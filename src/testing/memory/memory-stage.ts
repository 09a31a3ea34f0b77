import { EngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { Projection } from '../../core/projection.ts';
import { type TableOwners, tableOwners } from '../../core/table-owners.ts';
import { stringifyJson } from '../../postgres/json.ts';
import { plain } from '../../read-model/plain-value.ts';
import type { Stage } from '../stage.ts';
import { toStored } from '../stored-event.ts';
import { createMemoryOperations, type Place } from './memory-operations.ts';
import { MemoryTables } from './memory-tables.ts';

interface World {
  readonly events: StoredEvent[];
  readonly tables: MemoryTables;
  readonly places: ReadonlyMap<Projection, Place>;
  readonly owners: TableOwners;
  readonly maxAttempts: number;
}

/**
 * A stage without a database, for projections made of statements. It knows tables by their declared keys alone: column
 * types, defaults, NOT NULL and checks are PostgreSQL's.
 */
export function createMemoryStage(): Stage {
  let world = emptyWorld([], 1);
  return {
    name: 'in memory',
    open: async (projections, { maxAttempts = 1 } = {}) => {
      world = emptyWorld(projections, maxAttempts);
    },
    append: async (events) => {
      const stored = events.map((event, index) => toStored(event, BigInt(world.events.length + index + 1)));
      checkNew(world.events, stored);
      world.events.push(...stored);
    },
    operations: (projection) => createMemoryOperations({ projection, ...world }),
    rows: async (table) => world.tables.table(table).rows(),
    toRows: async (table, values) => {
      world.tables.table(table);
      return values.map((row) =>
        Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plain(value)])),
      );
    },
  };
}

function emptyWorld(projections: readonly Projection[], maxAttempts: number): World {
  const place = (): Place => ({ cursor: 0n, status: 'running', resumeTo: 'running', attempts: 0, replayUntil: null });
  return {
    events: [],
    owners: tableOwners(projections),
    tables: new MemoryTables(projections),
    places: new Map(projections.map((projection) => [projection, place()])),
    maxAttempts,
  };
}

function checkNew(there: readonly StoredEvent[], added: readonly StoredEvent[]): void {
  const ids = new Set(there.map(({ id }) => id));
  const places = new Set(there.map(streamPlace));
  for (const event of added) {
    const { id, aggregateName, aggregateId, sequenceNo } = event;
    if (ids.has(id)) throw new EngineError('APPEND_DUPLICATE', { id });
    if (places.has(streamPlace(event))) {
      throw new EngineError('APPEND_CONFLICT', { aggregateName, aggregateId, sequenceNo });
    }
    ids.add(id);
    places.add(streamPlace(event));
  }
}

function streamPlace({ instanceId, aggregateName, aggregateId, sequenceNo }: StoredEvent): string {
  return stringifyJson([instanceId, aggregateName, aggregateId, String(sequenceNo)]);
}
