import {
  type ActorRefFrom,
  type AnyActorRef,
  assign,
  enqueueActions,
  fromPromise,
  sendTo,
  setup,
  waitFor,
} from 'xstate';
import { HEALTHY_AFTER_MS, respawnDelay } from '../src/core/backoff.ts';
import { systemClock } from '../src/core/clock.ts';
import { untilAborted } from '../src/core/signals.ts';
import { projectionMachine } from './projection.ts';
import type { ProjectionInput } from './projection-parts.ts';

/**
 * The supervisor: one child per projection, none of which can end another one. A child that dies (of a bug in an action
 * or guard, not of a failing event) is replaced after a backoff; the others are not affected.
 *
 *   stopped → running → draining → stopped
 */
export interface DaemonInput {
  readonly projections: readonly ProjectionInput[];
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** Milliseconds the children get to settle when the daemon stops. */
  readonly drainMs: number;
  /** In [0, 1), for the jitter of the waits. Default: that of the system clock. */
  readonly random?: () => number;
}

export type ProjectionActor = ActorRefFrom<typeof projectionMachine>;

interface DaemonContext extends DaemonInput {
  readonly random: () => number;
  /** How often each child has died in a row; 0 again once it has lived for `HEALTHY_AFTER_MS`. */
  readonly deaths: ReadonlyMap<string, number>;
}

export type DaemonEvent =
  | { readonly type: 'START' }
  | { readonly type: 'STOP' }
  | { readonly type: 'RESPAWN'; readonly name: string }
  /** A child that was replaced has lived for `HEALTHY_AFTER_MS`. */
  | { readonly type: 'RECOVERED'; readonly name: string }
  /** Sent by XState: a child threw. */
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown };

/** Actor ids are `projection.<name>`: dead children are found by the id in their error event. */
export const childId = (name: string) => `projection.${name}`;

const respawnId = (name: string) => `respawn.${name}`;
const recoveredId = (name: string) => `recovered.${name}`;

export const daemonMachine = setup({
  types: { context: {} as DaemonContext, events: {} as DaemonEvent, input: {} as DaemonInput },
  actors: {
    projection: projectionMachine,
    drained: fromPromise(
      async ({
        input,
        signal: stopped,
      }: {
        input: { readonly children: readonly ProjectionActor[]; readonly ms: number };
        signal: AbortSignal;
      }) => {
        await untilAborted({ signals: [stopped], ms: input.ms }, async (bound) => {
          // A signal of its own for each wait: Node warns of a leak from the eleventh listener on.
          const within = (wait: (own: { readonly signal: AbortSignal }) => Promise<unknown>) =>
            untilAborted({ signals: [bound] }, (signal) => wait({ signal }));
          await Promise.allSettled(
            input.children.map(async (child) => {
              const ended = within((own) =>
                waitFor(child, (one) => one.status !== 'active' || one.matches({ idle: 'stopped' }), own),
              );
              await ended.catch(() => undefined);
              await Promise.allSettled(
                operationsOf(child).map((operation) =>
                  within((own) => waitFor(operation, ({ status }) => status !== 'active', own)),
                ),
              );
            }),
          );
        });
      },
    ),
  },
  actions: {
    /** After a stop the children still exist, at rest: spawning over an id that is in use would end the supervisor. */
    startAll: enqueueActions(({ context, self, enqueue }) => {
      const children = childrenOf(self);
      for (const input of context.projections) {
        const id = childId(input.name);
        const child = children[id];
        if (child === undefined) enqueue.spawnChild('projection', { id, systemId: id, input });
        if (child === undefined || child.getSnapshot().status === 'active') enqueue.sendTo(id, { type: 'START' });
        else enqueue.raise({ type: 'RESPAWN', name: input.name });
      }
    }),
    respawn: enqueueActions(({ context, event, self, enqueue }) => {
      const input = context.projections.find(({ name }) => event.type === 'RESPAWN' && name === event.name);
      if (input === undefined) return;
      const id = childId(input.name);
      const dead = childrenOf(self)[id];
      if (dead?.getSnapshot().status === 'active') return;
      // XState does not end the promises of an actor that died: replaced now, it could have two operations at once.
      if (dead !== undefined && operationsOf(dead).length > 0) {
        enqueue.raise({ type: 'RESPAWN', name: input.name }, { delay: 100, id: respawnId(input.name) });
        return;
      }
      // Stop first: spawning over an id that is in use would leave the old child running without a way to stop it.
      enqueue.stopChild(id);
      enqueue.spawnChild('projection', { id, systemId: id, input });
      enqueue.sendTo(id, { type: 'START' });
      enqueue.raise({ type: 'RECOVERED', name: input.name }, { delay: HEALTHY_AFTER_MS, id: recoveredId(input.name) });
    }),
    resetDeaths: assign({
      deaths: ({ context }, { name }: { readonly name: string }) => new Map([...context.deaths, [name, 0]]),
    }),
    stopAll: enqueueActions(({ context, self, enqueue }) => {
      for (const { name } of context.projections) {
        const child = childrenOf(self)[childId(name)];
        if (child?.getSnapshot().status === 'active') enqueue(sendTo(child, { type: 'STOP' }));
      }
    }),
    scheduleRespawn: enqueueActions(({ context, self, enqueue }, { name }: { readonly name: string }) => {
      // The machine of a dead actor can no longer abort its operation.
      childrenOf(self)[childId(name)]?.getSnapshot().context?.operation.abort();
      enqueue.cancel(recoveredId(name));
      const deaths = (context.deaths.get(name) ?? 0) + 1;
      enqueue(assign({ deaths: new Map([...context.deaths, [name, deaths]]) }));
      enqueue.raise(
        { type: 'RESPAWN', name },
        { delay: respawnDelay(deaths, context.backoff, context.random()), id: respawnId(name) },
      );
    }),
  },
}).createMachine({
  id: 'daemon',
  context: ({ input }) => ({
    ...input,
    random: input.random ?? systemClock.random,
    deaths: new Map<string, number>(),
  }),
  initial: 'stopped',
  states: {
    stopped: { on: { START: 'running' } },
    running: {
      entry: 'startAll',
      on: {
        STOP: 'draining',
        RESPAWN: { actions: 'respawn' },
        RECOVERED: { actions: { type: 'resetDeaths', params: ({ event }) => ({ name: event.name }) } },
        'xstate.error.actor.*': {
          actions: {
            type: 'scheduleRespawn',
            params: ({ event }) => ({ name: event.actorId.replace(/^projection\./, '') }),
          },
        },
      },
    },
    draining: {
      entry: 'stopAll',
      on: { 'xstate.error.actor.*': {} },
      invoke: {
        src: 'drained',
        input: ({ context, self }) => ({
          children: Object.values(self.getSnapshot().children).filter(isProjectionActor),
          ms: context.drainMs,
        }),
        onDone: 'stopped',
        onError: 'stopped',
      },
    },
  },
});

function childrenOf(self: { getSnapshot(): { readonly children: object } }) {
  return self.getSnapshot().children as Readonly<Record<string, ProjectionActor | undefined>>;
}

/** The operations that this actor has begun and that have not settled. */
function operationsOf(child: ProjectionActor): readonly AnyActorRef[] {
  const begun: readonly (AnyActorRef | undefined)[] = Object.values(child.getSnapshot().children);
  return begun.flatMap((operation) => (operation?.getSnapshot().status === 'active' ? [operation] : []));
}

function isProjectionActor(child: unknown): child is ProjectionActor {
  return typeof child === 'object' && child !== null && 'id' in child && String(child.id).startsWith('projection.');
}
