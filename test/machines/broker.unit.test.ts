import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { BROKER_STATES, type BrokerEvent, type BrokerState } from '../../src/core/broker.ts';

type Happening = BrokerEvent['type'] | 'TIME';
interface Expected {
  readonly state: BrokerState;
  readonly detail: string | null;
}
/** Never Partial: a new state or event does not compile until each of its cells is written. */
type Table = Readonly<Record<BrokerState, Readonly<Record<Happening, Expected>>>>;

const CONNECTING: Expected = { state: 'connecting', detail: null };
const HEALTHY: Expected = { state: 'healthy', detail: null };
const POLLING: Expected = { state: 'polling-only', detail: 'it is gone' };
const REASONS: Readonly<Partial<Record<Happening, string>>> = {
  LOST: 'LOST why',
  FAILED: 'FAILED why',
  BLOCKED: 'low on memory',
};

const TABLE: Table = {
  connecting: {
    READY: HEALTHY,
    LOST: { state: 'polling-only', detail: 'LOST why' },
    FAILED: { state: 'polling-only', detail: 'FAILED why' },
    BLOCKED: CONNECTING,
    UNBLOCKED: CONNECTING,
    TIME: { state: 'polling-only', detail: 'RabbitMQ did not answer within 10000 ms' },
  },
  healthy: {
    READY: HEALTHY,
    LOST: { state: 'polling-only', detail: 'LOST why' },
    FAILED: { state: 'polling-only', detail: 'FAILED why' },
    BLOCKED: { state: 'healthy', detail: 'RabbitMQ accepts no messages from publishers: low on memory' },
    UNBLOCKED: HEALTHY,
    TIME: HEALTHY,
  },
  'polling-only': {
    READY: HEALTHY,
    LOST: POLLING,
    FAILED: { state: 'polling-only', detail: 'FAILED why' },
    BLOCKED: POLLING,
    UNBLOCKED: POLLING,
    TIME: POLLING,
  },
};

function start() {
  const clock = new SimulatedClock();
  const actor = createActor(brokerMachine, { input: { connectWithinMs: 10_000 }, clock });
  actor.start();
  const happen = (what: Happening): void => {
    if (what === 'TIME') clock.increment(1_000_000);
    else actor.send({ type: what, reason: REASONS[what] ?? '' } as BrokerEvent);
  };
  const at = (): Expected => ({ state: actor.getSnapshot().value, detail: actor.getSnapshot().context.detail });
  return { actor, happen, at };
}

const WAY: Readonly<Record<BrokerState, readonly BrokerEvent[]>> = {
  connecting: [],
  healthy: [{ type: 'READY' }],
  'polling-only': [{ type: 'READY' }, { type: 'LOST', reason: 'it is gone' }],
};

const CELLS = BROKER_STATES.flatMap((state) =>
  Object.keys(TABLE[state]).map((what) => [state, what as Happening] as const),
);

// Seen red with: LOST of healthy left out; `entry: 'clearDetail'` left out; LOST noted in polling-only; no `after`.
test.each(CELLS)('%s, then %s', (state, what) => {
  const { actor, happen, at } = start();
  for (const event of WAY[state]) actor.send(event);
  expect(at().state).toBe(state);
  happen(what);
  expect(at()).toEqual(TABLE[state][what]);
});

test('the machine has exactly the states that status can show', () => {
  expect(Object.keys(brokerMachine.root.states).sort()).toEqual([...BROKER_STATES].sort());
});

test('a loss replaces the reason of blocked publishers, and READY clears it', () => {
  const { actor, at } = start();
  for (const type of ['READY', 'BLOCKED', 'LOST'] as const) actor.send({ type, reason: `${type} why` } as BrokerEvent);
  expect(at()).toEqual({ state: 'polling-only', detail: 'LOST why' });
  actor.send({ type: 'READY' });
  expect(at()).toEqual(HEALTHY);
});
