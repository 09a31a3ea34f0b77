import { assign, setup } from 'xstate';
import type { BrokerEvent } from '../src/core/broker.ts';
import { LONGEST_TIMER_MS } from '../src/core/clock.ts';

/**
 * The connection that brings pushes. Whatever it does, projections go on: without it events are found by NOTIFY and by
 * polling, so none of its states is a failure.
 *
 *   connecting → healthy ⇄ polling-only
 */
export interface BrokerInput {
  /** Milliseconds that the first attempt may take before status says that there is only polling. */
  readonly patienceMs: number;
}

interface BrokerContext extends BrokerInput {
  /** Why there are no pushes, or no publishing; null when there is nothing to say. */
  readonly detail: string | null;
}

export const brokerMachine = setup({
  types: { context: {} as BrokerContext, events: {} as BrokerEvent, input: {} as BrokerInput },
  actions: {
    noteReason: assign({ detail: ({ event }) => ('reason' in event ? event.reason : null) }),
    noteBlocked: assign({
      detail: ({ event }) => ('reason' in event ? `RabbitMQ takes nothing from publishers: ${event.reason}` : null),
    }),
    noteSilence: assign({ detail: ({ context }) => `RabbitMQ did not answer within ${context.patienceMs} ms` }),
    forget: assign({ detail: null }),
  },
  delays: { patience: ({ context }) => Math.min(context.patienceMs, LONGEST_TIMER_MS) },
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
      after: { patience: { target: 'polling-only', actions: 'noteSilence' } },
    },
    healthy: {
      entry: 'forget',
      on: {
        LOST: { target: 'polling-only', actions: 'noteReason' },
        FAILED: { target: 'polling-only', actions: 'noteReason' },
        BLOCKED: { actions: 'noteBlocked' },
        UNBLOCKED: { actions: 'forget' },
      },
    },
    'polling-only': {
      on: {
        READY: 'healthy',
        // Not LOST: that a refused connection is then closed says less than why it was refused.
        FAILED: { actions: 'noteReason' },
      },
    },
  },
});
