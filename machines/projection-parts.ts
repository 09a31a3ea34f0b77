import { assign, emit, fromPromise, setup } from 'xstate';
import { fullJitter } from '../src/core/backoff.ts';
import { LONGEST_TIMER_MS } from '../src/core/clock.ts';
import type { PendingCommand } from '../src/core/command.ts';
import type { CommandEvent } from '../src/core/operator-commands/command-definition.ts';
import { operatorCommand } from '../src/core/operator-commands/command-registry.ts';
import type { ProjectionOperations, RunMode, RunOutcome } from '../src/core/port.ts';
import type { StoredStatus } from '../src/core/status.ts';

/** Context, events, operations, actions, guards and delays of a projection's machine. The chart is projection.ts. */
export interface ProjectionInput {
  readonly name: string;
  readonly operations: ProjectionOperations;
  /** Milliseconds between attempts at an event that failed. */
  readonly retryFailedAfterMs: number;
  /** Milliseconds: first and greatest ceiling of the full-jitter backoff. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** In [0, 1), for the jitter of the delays. Default: that of the system clock. */
  readonly random?: () => number;
}

export interface ProjectionContext extends ProjectionInput {
  readonly random: () => number;
  readonly wanted: { readonly stop: boolean; readonly reset: boolean; readonly pause: boolean };
  /** The command of the operator's event that came last; null when that event had none. Its operation ends the command. */
  readonly command: PendingCommand | null;
  readonly woken: boolean;
  /** The start of a process is an attempt at a halted event; opening after standby or a failed reset is not. */
  readonly starting: boolean;
  readonly operation: AbortController;
  readonly backoffs: number;
  readonly detail: string | null;
}

export type ProjectionEvent =
  | { readonly type: 'START' }
  | { readonly type: 'STOP' }
  | { readonly type: 'WAKE' }
  /** The database answers again. */
  | { readonly type: 'DATABASE_BACK' }
  /** The daemon too sends REOPEN, when another daemon has changed the row: the row must be read again. */
  | { readonly type: CommandEvent; readonly command?: PendingCommand };

/** Reports to the sender of a command how it ended. @public named by the machine's type */
export interface CommandSettled {
  readonly type: 'settled';
  readonly command: CommandEvent;
  readonly error: unknown;
}

export const NOTHING_WANTED = { stop: false, reset: false, pause: false } as const;

export const projectionParts = setup({
  types: {
    context: {} as ProjectionContext,
    events: {} as ProjectionEvent,
    input: {} as ProjectionInput,
    emitted: {} as CommandSettled,
  },
  actors: {
    open: fromPromise(({ input }: { input: ProjectionContext }) => input.operations.open(input.operation.signal)),
    run: fromPromise(({ input: { context, mode } }: { input: { context: ProjectionContext; mode: RunMode } }) =>
      context.operations.run(mode, context.operation.signal),
    ),
    reset: fromPromise(({ input }: { input: ProjectionContext }) => input.operations.reset(commandOf(input, 'RESET'))),
    setPaused: fromPromise(
      ({ input: { context, paused } }: { input: { context: ProjectionContext; paused: boolean } }) =>
        context.operations.setPaused(paused, commandOf(context, paused ? 'PAUSE' : 'RESUME')),
    ),
    skip: fromPromise(({ input }: { input: ProjectionContext }) => input.operations.skip(commandOf(input, 'SKIP'))),
  },
  actions: {
    beginOperation: assign({ operation: () => new AbortController(), woken: false }),
    endOperation: ({ context }) => context.operation.abort(),
    wantStop: assign({ wanted: ({ context }) => ({ ...context.wanted, stop: true }) }),
    wantReset: assign({ wanted: ({ context }) => ({ ...context.wanted, reset: true }) }),
    wantPause: assign({ wanted: ({ context }) => ({ ...context.wanted, pause: true }) }),
    noPauseWanted: assign({ wanted: ({ context }) => ({ ...context.wanted, pause: false }) }),
    noResetWanted: assign({ wanted: ({ context }) => ({ ...context.wanted, reset: false }) }),
    nothingWanted: assign({ wanted: NOTHING_WANTED }),
    noteCommand: assign({ command: ({ event }) => ('command' in event ? (event.command ?? null) : null) }),
    noteWake: assign({ woken: true }),
    noteStart: assign({ starting: true, wanted: NOTHING_WANTED, backoffs: 0 }),
    started: assign({ starting: false }),
    goingWell: assign({ backoffs: 0, detail: null }),
    noteDetail: assign({ detail: (_, params: { readonly detail: string | null }) => params.detail }),
    noteError: assign({
      backoffs: ({ context }) => context.backoffs + 1,
      detail: (_, params: { readonly error: unknown }) => `backing off: ${messageOf(params.error)}`,
    }),
    /** The next delay is as short as the first one, and as random: all projections return within half a second, not all at the same moment. */
    noteBack: assign({ backoffs: 1 }),
    noteWaiting: assign({ backoffs: ({ context }) => context.backoffs + 1 }),
    settle: emit((_, params: { readonly command: CommandEvent; readonly error?: unknown }) => ({
      type: 'settled' as const,
      command: params.command,
      error: params.error ?? null,
    })),
  },
  guards: {
    wantsStop: ({ context }) => context.wanted.stop,
    wantsReset: ({ context }) => context.wanted.reset,
    wantsPause: ({ context }) => context.wanted.pause,
    woken: ({ context }) => context.woken,
    stored: (_, params: { readonly status: StoredStatus; readonly as: StoredStatus }) => params.status === params.as,
    haltedAtStart: ({ context }, params: { readonly status: StoredStatus; readonly deadly: boolean }) =>
      context.starting && params.status === 'halted' && !params.deadly,
    ended: (_, params: { readonly outcome: RunOutcome; readonly as: RunOutcome['kind'] }) =>
      params.outcome.kind === params.as,
    halted: (_, params: { readonly outcome: RunOutcome }) =>
      params.outcome.kind === 'halted' || (params.outcome.kind === 'failed' && params.outcome.halted),
    caughtUpButWoken: ({ context }, params: { readonly outcome: RunOutcome }) =>
      context.woken && params.outcome.kind === 'caught-up',
  },
  delays: {
    backoff: ({ context }) =>
      Math.min(LONGEST_TIMER_MS, fullJitter(context.backoffs, context.backoff, context.random())),
    /** Another daemon has the projection, or the database was away. The jitter keeps projections from retrying at the same moment. */
    standby: ({ context }) =>
      250 +
      Math.min(LONGEST_TIMER_MS - 250, fullJitter(Math.max(1, context.backoffs), context.backoff, context.random())),
    /** A look-up that waits for another projection is repeated soon: that projection is working on it. */
    retryLookup: ({ context }) => Math.min(250, 10 * 2 ** Math.min(context.backoffs, 10)),
    retryFailedAfter: ({ context }) => Math.min(LONGEST_TIMER_MS, context.retryFailedAfterMs),
  },
});

/** The command that requested this operation; null if an event that came later had no command or another one. */
function commandOf({ command }: ProjectionContext, event: CommandEvent): PendingCommand | null {
  return command !== null && operatorCommand(command.event).machineEvent === event ? command : null;
}

/** Any value can be thrown, also one without a string form; an exception here would end the actor. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error && error.message !== '' ? error.message : String(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
