import { assign, fromPromise, setup } from 'xstate';
import { fullJitter } from '../src/core/backoff.ts';
import { LONGEST_TIMER_MS, systemClock } from '../src/core/clock.ts';
import type { PublisherOperations, RelayOutcome } from '../src/core/publisher.ts';

interface PublisherInput {
  readonly operations: PublisherOperations;
  /** Milliseconds: first and greatest ceiling of the full-jitter backoff. */
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** Milliseconds until an event that cannot be sent is tried again: the broker's limits may have been changed. */
  readonly retryHaltedAfterMs: number;
  /** In [0, 1), for the jitter of the delays. Default: that of the system clock. */
  readonly random?: () => number;
}

interface PublisherContext extends PublisherInput {
  readonly random: () => number;
  readonly stopWanted: boolean;
  readonly woken: boolean;
  readonly connected: boolean;
  /** The reason that the broker gave for blocking; null while it accepts messages. */
  readonly blocked: string | null;
  readonly operation: AbortController;
  readonly backoffs: number;
  readonly detail: string | null;
}

export type PublisherEvent =
  | { readonly type: 'START' }
  | { readonly type: 'STOP' }
  | { readonly type: 'WAKE' }
  | { readonly type: 'CONNECTED' }
  | { readonly type: 'DISCONNECTED'; readonly reason: string }
  | { readonly type: 'BLOCKED'; readonly reason: string }
  | { readonly type: 'UNBLOCKED' };

type Done = { readonly event: { readonly output: RelayOutcome } };

const parts = setup({
  types: { context: {} as PublisherContext, events: {} as PublisherEvent, input: {} as PublisherInput },
  actors: {
    relay: fromPromise(({ input }: { input: PublisherContext }) => input.operations.relay(input.operation.signal)),
  },
  actions: {
    beginOperation: assign({ operation: () => new AbortController(), woken: false }),
    endOperation: ({ context }) => context.operation.abort(),
    wantStop: assign({ stopWanted: true }),
    noteStart: assign({ stopWanted: false, woken: false, backoffs: 0, detail: null }),
    noteWake: assign({ woken: true }),
    noteConnected: assign({ connected: true }),
    noteDisconnected: assign({
      connected: false,
      blocked: null,
      detail: ({ event, context }) => (event.type === 'DISCONNECTED' ? event.reason : context.detail),
    }),
    noteBlocked: assign({
      blocked: ({ event, context }) => (event.type === 'BLOCKED' ? event.reason : context.blocked),
    }),
    noteUnblocked: assign({ blocked: null }),
    goingWell: assign({ backoffs: 0, detail: null }),
    noteDetail: assign({ detail: (_, params: { readonly detail: string }) => params.detail }),
    noteError: assign({
      backoffs: ({ context }, params: { readonly afresh?: boolean; readonly detail: string }) =>
        params.afresh === true ? 1 : context.backoffs + 1,
      detail: (_, params: { readonly afresh?: boolean; readonly detail: string }) => `backing off: ${params.detail}`,
    }),
  },
  guards: {
    wantsStop: ({ context }) => context.stopWanted,
    woken: ({ context }) => context.woken,
    connected: ({ context }) => context.connected,
    disconnected: ({ context }) => !context.connected,
    blocked: ({ context }) => context.blocked !== null,
    ended: (_, params: { readonly outcome: RelayOutcome; readonly as: RelayOutcome['kind'] }) =>
      params.outcome.kind === params.as,
  },
  delays: {
    backoff: ({ context }) =>
      Math.min(LONGEST_TIMER_MS, 20 + fullJitter(Math.max(1, context.backoffs), context.backoff, context.random())),
    standby: ({ context }) => 250 + Math.min(LONGEST_TIMER_MS - 250, fullJitter(1, context.backoff, context.random())),
    haltedRetry: ({ context }) => Math.min(LONGEST_TIMER_MS, context.retryHaltedAfterMs),
  },
});

const ended = (as: RelayOutcome['kind']) =>
  ({ type: 'ended', params: ({ event }: Done) => ({ outcome: event.output, as }) }) as const;

/** Events of the broker in states that do not wait for it. */
const noteBroker = {
  CONNECTED: { actions: 'noteConnected' },
  DISCONNECTED: { actions: 'noteDisconnected' },
  BLOCKED: { actions: 'noteBlocked' },
  UNBLOCKED: { actions: 'noteUnblocked' },
} as const;

/** While no operation runs and the broker is needed. */
const whileWaiting = {
  ...noteBroker,
  STOP: 'stopped',
  DISCONNECTED: { target: 'connecting', actions: 'noteDisconnected' },
} as const;

/** The targets when there may be something to send. */
const resume = [
  { guard: 'disconnected', target: 'connecting' },
  { guard: 'blocked', target: 'blocked' },
  { target: 'publishing' },
] as const;

/**
 * The publisher has one operation, `relay`. It sends messages and waits for confirms for a moment, and stores how far they
 * reach. It is started again only when it has settled.
 *
 *   stopped      not running
 *   connecting   waits for the broker
 *   idle         every event is confirmed; waits for WAKE
 *   publishing   relay runs
 *   standby      another daemon publishes
 *   blocked      the broker accepts no messages at present
 *   backing-off  a message was refused, or the database is away
 *   halted       stopped before an event that cannot be sent
 */
export const publisherMachine = parts.createMachine({
  id: 'publisher',
  context: ({ input }) => ({
    ...input,
    random: input.random ?? systemClock.random,
    stopWanted: false,
    woken: false,
    connected: false,
    blocked: null,
    operation: new AbortController(),
    backoffs: 0,
    detail: null,
  }),
  initial: 'stopped',
  states: {
    stopped: {
      on: {
        ...noteBroker,
        START: [
          { guard: 'connected', target: 'publishing', actions: 'noteStart' },
          { target: 'connecting', actions: 'noteStart' },
        ],
      },
    },
    connecting: {
      on: {
        ...noteBroker,
        STOP: 'stopped',
        CONNECTED: { target: 'publishing', actions: 'noteConnected' },
      },
    },
    idle: {
      on: {
        ...whileWaiting,
        WAKE: [{ guard: 'blocked', target: 'blocked' }, { target: 'publishing' }],
        BLOCKED: { target: 'blocked', actions: 'noteBlocked' },
      },
    },
    publishing: {
      entry: 'beginOperation',
      on: {
        ...noteBroker,
        STOP: { actions: ['wantStop', 'endOperation'] },
        WAKE: { actions: 'noteWake' },
      },
      invoke: {
        src: 'relay',
        input: ({ context }) => context,
        onDone: [
          { guard: 'wantsStop', target: 'stopped' },
          {
            // Before the guard of the lost channel: the next channel would be lost to the same message again.
            guard: ended('halted'),
            target: 'halted',
            actions: {
              type: 'noteDetail',
              params: ({ event }: Done) => ({ detail: 'detail' in event.output ? event.output.detail : '' }),
            },
          },
          {
            guard: ended('refused'),
            target: 'backing-off',
            actions: {
              type: 'noteError',
              params: ({ event }: Done) =>
                event.output.kind === 'refused'
                  ? { detail: event.output.detail, afresh: event.output.progressed }
                  : { detail: '' },
            },
          },
          { guard: 'disconnected', target: 'connecting' },
          { guard: 'blocked', target: 'blocked' },
          {
            guard: ended('locked-by-other'),
            target: 'standby',
            actions: { type: 'noteDetail', params: { detail: 'another daemon publishes' } },
          },
          { guard: ended('behind'), target: 'publishing', reenter: true, actions: 'goingWell' },
          { guard: 'woken', target: 'publishing', reenter: true, actions: 'goingWell' },
          { guard: ended('published'), target: 'idle', actions: 'goingWell' },
          // Blocked or disconnected when the operation ended, but no longer.
          { target: 'backing-off', actions: 'goingWell' },
        ],
        onError: [
          { guard: 'wantsStop', target: 'stopped' },
          {
            target: 'backing-off',
            actions: { type: 'noteError', params: ({ event }) => ({ detail: messageOf(event.error) }) },
          },
        ],
      },
    },
    standby: { on: whileWaiting, after: { standby: resume } },
    blocked: {
      on: { ...whileWaiting, UNBLOCKED: { target: 'publishing', actions: 'noteUnblocked' } },
    },
    // Also without a channel: a new one is open before it should be used.
    'backing-off': { on: { ...noteBroker, STOP: 'stopped' }, after: { backoff: resume } },
    halted: { on: { ...noteBroker, STOP: 'stopped' }, after: { haltedRetry: resume } },
  },
});

function messageOf(error: unknown): string {
  try {
    return error instanceof Error && error.message !== '' ? error.message : String(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
