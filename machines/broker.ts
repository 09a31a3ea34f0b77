import { assign, setup } from 'xstate';
import type { BrokerEvent } from '../src/core/broker.ts';
import { LONGEST_TIMER_MS } from '../src/core/clock.ts';

/**
 * The connection that receives pushes. Projections do not depend on it: without it events are found by NOTIFY and by
 * polling, so none of its states is a failure.
 *
 *   connecting → healthy ⇄ polling-only
 */
export interface BrokerInput {
  /** Milliseconds that the first attempt may take before the state becomes polling-only. */
  readonly connectWithinMs: number;
}

interface BrokerContext extends BrokerInput {
  /** Why there are no pushes, or no publishing; null when the connection has no problem. */
  readonly detail: string | null;
}

export const brokerMachine = setup({
  types: { context: {} as BrokerContext, events: {} as BrokerEvent, input: {} as BrokerInput },
  actions: {
    noteReason: assign({ detail: ({ event }) => ('reason' in event ? event.reason : null) }),
    noteBlocked: assign({
      detail: ({ event }) =>
        'reason' in event ? `RabbitMQ accepts no messages from publishers: ${event.reason}` : null,
    }),
    noteSilence: assign({ detail: ({ context }) => `RabbitMQ did not answer within ${context.connectWithinMs} ms` }),
    clearDetail: assign({ detail: null }),
  },
  delays: { connectWithin: ({ context }) => Math.min(context.connectWithinMs, LONGEST_TIMER_MS) },
}).createMachine({
  id: 'broker',
  context: ({ input }) => ({ ...input, detail: null }),
  initial: 'connecting',
  states: {
    connecting: {
      on: {
        READY: 'healthy',
        LOST: { target: 'polling-only', actions: 'noteReason' },
        FAILED: { target: 'polling-only', actions: 'noteReason' },
      },
      after: { connectWithin: { target: 'polling-only', actions: 'noteSilence' } },
    },
    healthy: {
      entry: 'clearDetail',
      on: {
        LOST: { target: 'polling-only', actions: 'noteReason' },
        FAILED: { target: 'polling-only', actions: 'noteReason' },
        BLOCKED: { actions: 'noteBlocked' },
        UNBLOCKED: { actions: 'clearDetail' },
      },
    },
    'polling-only': {
      on: {
        READY: 'healthy',
        // Not LOST: it follows when a refused connection is closed, and its reason says less than that of the refusal.
        FAILED: { actions: 'noteReason' },
      },
    },
  },
});
