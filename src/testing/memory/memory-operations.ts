import { EngineError, isEngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { FailedEvent, ProjectionOperations, RunMode, RunOutcome } from '../../core/port.ts';
import type { Projection } from '../../core/projection.ts';
import type { StoredStatus } from '../../core/status.ts';
import type { TableOwners } from '../../core/table-owners.ts';
import { toEventFailed } from '../../projector/event-failure.ts';
import { lookupMissed } from '../../projector/lookups.ts';
import { DependencyNotReady, EventFailed } from '../../projector/page-outcome.ts';
import type { MemoryTables, Resolve } from './memory-tables.ts';

/** Where a projection stands: what `projection_state` holds. */
export interface Place {
  cursor: bigint;
  status: StoredStatus;
  /** What RESUME leads back to. */
  resumeTo: 'running' | 'halted';
  attempts: number;
  /** Events up to here are replayed; null until the first look after the start or a reset. */
  replayUntil: bigint | null;
}

export interface MemoryOperationsOptions {
  readonly projection: Projection;
  readonly places: ReadonlyMap<Projection, Place>;
  readonly events: readonly StoredEvent[];
  readonly tables: MemoryTables;
  readonly owners: TableOwners;
  readonly maxAttempts: number;
}

/** The hands of a projection whose store and tables are in memory. Nothing is ever held elsewhere, and no page is full. */
export function createMemoryOperations(options: MemoryOperationsOptions): ProjectionOperations {
  const { projection, tables, events } = options;
  const place = options.places.get(projection);
  if (place === undefined)
    throw new EngineError('TEST_INVALID', { reason: `'${projection.name}' is not one of its projections` });
  return {
    open: async () => ({ status: place.status, detail: null }),
    run: async (mode, signal) => run(options, place, mode, signal),
    reset: async () => {
      if (projection.reset !== null)
        throw new EngineError('TEST_NEEDS_POSTGRES', { what: 'the reset', name: projection.name });
      for (const name of projection.tables.keys()) tables.table(name).clear();
      const status = place.status === 'halted' ? 'running' : place.status;
      Object.assign(place, { cursor: 0n, status, resumeTo: 'running', attempts: 0, replayUntil: null });
      return { status };
    },
    setPaused: async (paused) => {
      if (paused && place.status !== 'paused') Object.assign(place, { status: 'paused', resumeTo: place.status });
      if (!paused && place.status === 'paused') Object.assign(place, { status: place.resumeTo, resumeTo: 'running' });
      return { status: place.status };
    },
    skip: async () => {
      const failed = events.find(({ position, name }) => position > place.cursor && projection.handlers.has(name));
      Object.assign(place, { cursor: failed?.position ?? place.cursor, status: 'running', attempts: 0 });
    },
  };
}

function run(options: MemoryOperationsOptions, place: Place, mode: RunMode, signal: AbortSignal): RunOutcome {
  const { projection, events } = options;
  if (signal.aborted) return { kind: 'stopped' };
  place.replayUntil ??= head(events);
  const rest = events.filter(({ position }) => position > place.cursor);
  const handled = rest.some(({ name }) => projection.handlers.has(name));
  // Events of no interest are passed over whatever the row says; only a page asks for it.
  if (handled || mode === 'attempt') {
    if (place.status === 'paused') return { kind: 'paused' };
    if (place.status === 'halted' && mode !== 'attempt')
      return { kind: 'halted', detail: 'halted before an event that failed' };
  }
  for (const event of rest) {
    const outcome = applyOne(options, place, event);
    if (outcome !== null) return outcome;
    place.cursor = event.position;
    place.attempts = 0;
  }
  if (mode !== 'attempt') return { kind: 'caught-up' };
  place.status = 'running';
  return { kind: 'behind' };
}

/** Null when the event is applied. */
function applyOne(options: MemoryOperationsOptions, place: Place, event: StoredEvent): RunOutcome | null {
  const { projection, tables, maxAttempts } = options;
  try {
    tables.apply(projection, event, event.position <= (place.replayUntil ?? 0n), resolver(options, event));
    return null;
  } catch (error) {
    // What memory cannot do, or the test does wrong, is not the event's fault.
    if (isEngineError(error, 'TEST_NEEDS_POSTGRES') || isEngineError(error, 'TEST_INVALID')) throw error;
    const failed = toEventFailed(error, 0, event, null);
    if (failed instanceof DependencyNotReady) return { kind: 'waiting', detail: failed.message };
    if (!(failed instanceof EventFailed)) throw failed;
    place.attempts += 1;
    const halted = place.attempts >= maxAttempts;
    place.status = halted ? 'halted' : 'running';
    return { kind: 'failed', halted, detail: describe(failed.failure, place.attempts), event: failed.failure };
  }
}

/** A miss in another projection's table is final once that one is at this event or past it. */
function resolver({ projection, places, owners }: MemoryOperationsOptions, event: StoredEvent): Resolve {
  return (lookup, find) => {
    const found = find();
    if (found !== null) return found;
    const owner = owners.get(lookup.table);
    const other = [...places].find(([{ name }]) => name === owner && name !== projection.name);
    if (other !== undefined && other[1].cursor < event.position) {
      throw new DependencyNotReady(
        0,
        `waiting for '${owner}' to reach position ${event.position} (it is at ${other[1].cursor})`,
      );
    }
    if (lookup.onMissing === 'nothing') return null;
    throw lookupMissed(lookup);
  };
}

function head(events: readonly StoredEvent[]): bigint {
  return events.at(-1)?.position ?? 0n;
}

function describe({ eventName, position, error }: FailedEvent, attempts: number): string {
  return `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
}
