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

/** The fields of a projection's row in `projection_state`. */
export interface MemoryState {
  cursor: bigint;
  status: StoredStatus;
  /** The status after RESUME. */
  resumeTo: 'running' | 'halted';
  attempts: number;
  /** Events up to this position are replayed; null until the first run after the start or a reset. */
  replayUntil: bigint | null;
}

export interface MemoryOperationsOptions {
  readonly projection: Projection;
  readonly states: ReadonlyMap<Projection, MemoryState>;
  readonly events: readonly StoredEvent[];
  readonly tables: MemoryTables;
  readonly owners: TableOwners;
  readonly maxAttempts: number;
}

/** The operations of a projection whose store and tables are in memory. No other process locks its row, and no page is full. */
export function createMemoryOperations(options: MemoryOperationsOptions): ProjectionOperations {
  const { projection, tables, events } = options;
  const state = options.states.get(projection);
  if (state === undefined)
    throw new EngineError('TEST_INVALID', { reason: `'${projection.name}' is not one of its projections` });
  return {
    open: async () => ({ status: state.status, detail: null }),
    run: async (mode, signal) => run(options, state, mode, signal),
    reset: async () => {
      if (projection.reset !== null)
        throw new EngineError('TEST_NEEDS_POSTGRES', { what: 'the reset', name: projection.name });
      for (const name of projection.tables.keys()) tables.table(name).clear();
      const status = state.status === 'halted' ? 'running' : state.status;
      Object.assign(state, { cursor: 0n, status, resumeTo: 'running', attempts: 0, replayUntil: null });
      return { status };
    },
    setPaused: async (paused) => {
      if (paused && state.status !== 'paused') Object.assign(state, { status: 'paused', resumeTo: state.status });
      if (!paused && state.status === 'paused') Object.assign(state, { status: state.resumeTo, resumeTo: 'running' });
      return { status: state.status };
    },
    skip: async () => {
      const failed = events.find(({ position, name }) => position > state.cursor && projection.handlers.has(name));
      Object.assign(state, { cursor: failed?.position ?? state.cursor, status: 'running', attempts: 0 });
    },
  };
}

function run(options: MemoryOperationsOptions, state: MemoryState, mode: RunMode, signal: AbortSignal): RunOutcome {
  const { projection, events } = options;
  if (signal.aborted) return { kind: 'stopped' };
  state.replayUntil ??= events.at(-1)?.position ?? 0n;
  const rest = events.filter(({ position }) => position > state.cursor);
  const handled = rest.some(({ name }) => projection.handlers.has(name));
  // As in the engine, events without a handler are passed over in every status: only a page reads the status.
  if (handled || mode === 'attempt') {
    if (state.status === 'paused') return { kind: 'paused' };
    if (state.status === 'halted' && mode !== 'attempt')
      return { kind: 'halted', detail: 'halted before an event that failed' };
  }
  for (const event of rest) {
    const outcome = applyOne(options, state, event);
    if (outcome !== null) return outcome;
    state.cursor = event.position;
    state.attempts = 0;
  }
  if (mode !== 'attempt') return { kind: 'caught-up' };
  state.status = 'running';
  return { kind: 'behind' };
}

/** Null when the event is applied. */
function applyOne(options: MemoryOperationsOptions, state: MemoryState, event: StoredEvent): RunOutcome | null {
  const { projection, tables, maxAttempts } = options;
  try {
    tables.apply(projection, event, event.position <= (state.replayUntil ?? 0n), resolver(options, event));
    return null;
  } catch (error) {
    // Neither a limit of the memory backend nor a mistake of the test is a failure of the event.
    if (isEngineError(error, 'TEST_NEEDS_POSTGRES') || isEngineError(error, 'TEST_INVALID')) throw error;
    const failed = toEventFailed(error, 0, event, null);
    if (failed instanceof DependencyNotReady) return { kind: 'waiting', detail: failed.message };
    if (!(failed instanceof EventFailed)) throw failed;
    state.attempts += 1;
    const halted = state.attempts >= maxAttempts;
    state.status = halted ? 'halted' : 'running';
    return { kind: 'failed', halted, detail: describe(failed.failure, state.attempts), event: failed.failure };
  }
}

/** A miss in another projection's table is final once that projection has reached the position of this event. */
function resolver({ projection, states, owners }: MemoryOperationsOptions, event: StoredEvent): Resolve {
  return (lookup, find) => {
    const found = find();
    if (found !== null) return found;
    const owner = owners.get(lookup.table);
    const other = [...states].find(([{ name }]) => name === owner && name !== projection.name);
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

function describe({ eventName, position, error }: FailedEvent, attempts: number): string {
  return `${eventName} at position ${position} failed (attempt ${attempts}): ${error}`;
}
