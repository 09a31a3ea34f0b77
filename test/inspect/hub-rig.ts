import { createActor, SimulatedClock } from 'xstate';
import { childId, daemonMachine, type ProjectionActor } from '../../machines/daemon.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { Hub, type HubOptions } from '../../src/inspect/hub.ts';
import { type Answer, delivered, GatedOperations } from '../machines/projection-rig.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CollectingSubscriber } from './reading.ts';

export interface InspectedDaemon {
  readonly hub: Hub;
  readonly clock: ManualClock;
  stop(): void;
  child(name: string): ProjectionActor;
  /** Settles the operations of one projection, one after another. */
  answer(name: string, ...answers: readonly Answer[]): Promise<void>;
  join(): { readonly reader: CollectingSubscriber; leave(): void };
}

/** The real supervisor with these projections under a hub; a WAKE while one of `broken` works throws in its machine. */
export function inspectedDaemon(
  names: readonly string[],
  options: HubOptions & { readonly broken?: string; readonly hub?: Hub } = {},
): InspectedDaemon {
  const clock = new ManualClock();
  const { hub = new Hub({ boot: 'boot', clock, ...options }) } = options;
  const operations = new Map(names.map((name) => [name, new GatedOperations()]));
  const machine = daemonMachine.provide({
    actors: {
      projection: projectionMachine.provide({
        actions: {
          noteWake: ({ context }) => {
            if (context.name === options.broken) throw new Error('a bug');
          },
        },
      }),
    },
  });
  const backoff = { baseMs: 200, capMs: 30_000 };
  const root = createActor(options.broken === undefined ? daemonMachine : machine, {
    clock: new SimulatedClock(),
    inspect: hub.observe,
    input: {
      projections: names.map((name) => ({ name, operations: operationsFor(name), retryFailedAfterMs: 1000, backoff })),
      backoff,
      drainMs: 1000,
    },
  });
  root.subscribe({ error: () => undefined });
  root.start();
  root.send({ type: 'START' });

  function operationsFor(name: string): GatedOperations {
    const found = operations.get(name);
    if (found === undefined) throw new Error(`no operations of '${name}'`);
    return found;
  }
  function child(name: string): ProjectionActor {
    return (root.getSnapshot().children as unknown as Record<string, ProjectionActor>)[
      childId(name)
    ] as ProjectionActor;
  }
  return {
    hub,
    clock,
    stop: () => void root.stop(),
    child,
    answer: async (name: string, ...answers: readonly Answer[]) => {
      for (const answer of answers) {
        operationsFor(name).running[0]?.settle(answer);
        await delivered();
      }
      clock.turn();
    },
    join: () => {
      const reader = new CollectingSubscriber();
      return { reader, leave: hub.join(reader) };
    },
  };
}

/** Starts an actor whose snapshot cannot be turned into text. */
export function startUnserializable(hub: Hub, sessionId: string): void {
  const children = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('hostile');
      },
    },
  );
  const snapshot = { status: 'active', value: 'odd', children };
  const actorRef = { id: 'odd', sessionId, logic: {}, _parent: { sessionId: 'x:0' }, getSnapshot: () => snapshot };
  hub.observe({ type: '@xstate.event', rootId: 'x:0', actorRef, event: { type: 'xstate.init' } } as never);
  hub.observe({ type: '@xstate.snapshot', rootId: 'x:0', actorRef, snapshot, event: { type: 'odd' } } as never);
}
