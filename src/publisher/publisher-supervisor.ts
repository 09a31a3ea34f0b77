import { type Actor, createActor, type SnapshotFrom, waitFor } from 'xstate';
import { type Observer, observers } from '../../machines/observers.ts';
import { type PublisherEvent, publisherMachine } from '../../machines/publisher.ts';
import { deathsInARow, respawnDelay } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { atMost } from '../core/deadline.ts';
import type { Log } from '../core/log.ts';
import { PUBLISHER_NAME, type PublisherOperations } from '../core/publisher.ts';

export interface PublisherSupervisorOptions {
  readonly operations: PublisherOperations;
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  readonly retryHaltedAfterMs: number;
  /** Receives what each of the actors does. Default: none. */
  readonly inspect?: Observer | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Keeps the publisher's actor alive, as the supervisor does with those of projections. An actor that dies (of a bug in an
 * action or a guard, not of a broker that refuses) is replaced after a growing backoff, once its operation has ended. The
 * new actor is sent the present state of the broker.
 */
export class PublisherSupervisor {
  readonly #options: PublisherSupervisorOptions;
  readonly #ended = new AbortController();
  #actor: Actor<typeof publisherMachine>;
  /** The events that bring a new actor to the present state of the broker. */
  #broker: readonly PublisherEvent[] = [];
  #operation: Promise<unknown> = Promise.resolve();
  #respawn: Promise<void> = Promise.resolve();
  #deaths = 0;

  constructor(options: PublisherSupervisorOptions) {
    this.#options = options;
    this.#actor = this.#spawn();
  }

  send(event: PublisherEvent): void {
    if (event.type === 'CONNECTED') this.#broker = [event];
    else if (event.type === 'DISCONNECTED') this.#broker = [];
    else if (event.type === 'BLOCKED' || event.type === 'UNBLOCKED') {
      const others = this.#broker.filter(({ type }) => type !== 'BLOCKED');
      this.#broker = event.type === 'BLOCKED' ? [...others, event] : others;
    }
    if (this.#isAlive()) this.#actor.send(event);
  }

  snapshot(): SnapshotFrom<typeof publisherMachine> {
    return this.#actor.getSnapshot();
  }

  /** Lets the present operation end, for this long at most. From now on no actor is replaced. */
  async drain(ms: number): Promise<void> {
    this.#ended.abort();
    const actor = this.#actor;
    if (this.#isAlive()) actor.send({ type: 'STOP' });
    const stopped = waitFor(actor, ({ status, value }) => status !== 'active' || value === 'stopped', { timeout: ms });
    await stopped.catch(() => undefined);
    await atMost(ms, this.#respawn);
  }

  end(): void {
    this.#ended.abort();
    this.#actor.stop();
  }

  #isAlive(): boolean {
    return this.#actor.getSnapshot().status === 'active';
  }

  #spawn(): Actor<typeof publisherMachine> {
    const { operations, backoff, retryHaltedAfterMs, inspect, log, clock } = this.#options;
    const watched: PublisherOperations = {
      relay: (signal) => {
        const operation = operations.relay(signal);
        this.#operation = operation;
        return operation;
      },
    };
    const actor = createActor(publisherMachine, {
      ...observers(inspect),
      input: { operations: watched, backoff, retryHaltedAfterMs, random: clock.random },
    });
    const bornAt = clock.now();
    actor.subscribe({
      next: logChanges(log),
      // Without an observer for errors a bug in the machine would end the process as an uncaught exception.
      error: (error) => {
        // The machine of a dead actor can no longer abort its operation.
        actor.getSnapshot().context.operation.abort();
        this.#deaths = deathsInARow(this.#deaths, clock.now() - bornAt);
        log.error({ err: error, deaths: this.#deaths }, 'the actor of the publisher died of a bug and is restarted');
        this.#respawn = this.#respawnAfter(respawnDelay(this.#deaths, backoff, clock.random()));
      },
    });
    actor.start();
    for (const event of this.#broker) actor.send(event);
    actor.send({ type: 'START' });
    return actor;
  }

  /** XState does not end the promise of an actor that died: without the wait for it, two operations could send at once. */
  async #respawnAfter(ms: number): Promise<void> {
    const { signal } = this.#ended;
    await Promise.allSettled([this.#operation, this.#options.clock.sleep(ms, signal)]);
    if (signal.aborted) return;
    this.#actor.stop();
    this.#actor = this.#spawn();
  }
}

/** Logs changes of the state and of its reason. Alternating between publishing and idle without a reason is logged as debug. */
function logChanges(log: Log) {
  let last = '';
  return ({ value, context }: { readonly value: unknown; readonly context: { readonly detail: string | null } }) => {
    const state = String(value);
    const { detail } = context;
    const now = `${state} ${detail ?? ''}`;
    if (now === last) return;
    last = now;
    const level = state === 'halted' ? 'error' : detail === null || state === 'standby' ? 'debug' : 'warn';
    log[level]({ publisher: PUBLISHER_NAME, state, detail }, 'publisher');
  };
}
