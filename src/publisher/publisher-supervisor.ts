import { setTimeout as wait } from 'node:timers/promises';
import { type Actor, createActor, type SnapshotFrom, waitFor } from 'xstate';
import { type Observer, observers } from '../../machines/observers.ts';
import { type PublisherEvent, publisherMachine } from '../../machines/publisher.ts';
import { deathsInARow, fullJitter } from '../core/backoff.ts';
import type { Log } from '../core/log.ts';
import { PUBLISHER_NAME, type PublisherOperations } from '../core/publisher.ts';

export interface PublisherSupervisorOptions {
  readonly operations: PublisherOperations;
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  readonly retryHaltedAfterMs: number;
  /** Hears what each of the actors does. Default nobody. */
  readonly inspect?: Observer | undefined;
  readonly log: Log;
  /** Default: a timer. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** Longer than the longest pause: an actor that lived so long died of something new. */
const HEALTHY_AFTER_MS = 60_000;
/** Never at once: a bug that kills it at its start would keep the process busy. */
const RESPAWN_AFTER_MS = 100;

/**
 * Keeps the publisher's actor alive, as the supervisor does with those of projections: one that dies (a bug in an action
 * or a guard, not a broker that refuses) is put back after a growing pause, once its operation has ended, and told how
 * the broker stands.
 */
export class PublisherSupervisor {
  readonly #options: PublisherSupervisorOptions;
  readonly #ended = new AbortController();
  #actor: Actor<typeof publisherMachine>;
  /** What a new actor has to be told of the broker. */
  #broker: readonly PublisherEvent[] = [];
  #operation: Promise<unknown> = Promise.resolve();
  #putBack: Promise<void> = Promise.resolve();
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

  /** Lets the operation under way end, for this long at most; nothing is put back from now on. */
  async drain(ms: number): Promise<void> {
    this.#ended.abort();
    const actor = this.#actor;
    if (this.#isAlive()) actor.send({ type: 'STOP' });
    const stopped = waitFor(actor, ({ status, value }) => status !== 'active' || value === 'stopped', { timeout: ms });
    await stopped.catch(() => undefined);
    await Promise.race([this.#putBack, wait(ms, undefined, { ref: false })]);
  }

  end(): void {
    this.#ended.abort();
    this.#actor.stop();
  }

  #isAlive(): boolean {
    return this.#actor.getSnapshot().status === 'active';
  }

  #spawn(): Actor<typeof publisherMachine> {
    const { operations, backoff, retryHaltedAfterMs, inspect, log } = this.#options;
    const watched: PublisherOperations = {
      relay: (signal) => {
        const operation = operations.relay(signal);
        this.#operation = operation;
        return operation;
      },
    };
    const actor = createActor(publisherMachine, {
      ...observers(inspect),
      input: { operations: watched, backoff, retryHaltedAfterMs },
    });
    const bornAt = performance.now();
    actor.subscribe({
      next: tell(log),
      // Without this a bug in the machine would end the process as an uncaught exception.
      error: (error) => {
        // Nobody else can ask the operation of a dead actor to end.
        actor.getSnapshot().context.operation.abort();
        this.#deaths = deathsInARow(this.#deaths, performance.now() - bornAt, HEALTHY_AFTER_MS);
        log.error({ err: error, deaths: this.#deaths }, 'the publisher died of a bug and is put back');
        this.#putBack = this.#after(RESPAWN_AFTER_MS + fullJitter(this.#deaths, backoff, Math.random()));
      },
    });
    actor.start();
    for (const event of this.#broker) actor.send(event);
    actor.send({ type: 'START' });
    return actor;
  }

  /** XState leaves the promise of an actor that died running: two that send at once, if another began meanwhile. */
  async #after(ms: number): Promise<void> {
    const { signal } = this.#ended;
    const { pause = (time) => wait(time, undefined, { signal }) } = this.#options;
    await Promise.allSettled([this.#operation, pause(ms, signal)]);
    if (signal.aborted) return;
    this.#actor.stop();
    this.#actor = this.#spawn();
  }
}

/** Says in the log when the state or its reason changes; that it publishes and rests is nothing new. */
function tell(log: Log) {
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
