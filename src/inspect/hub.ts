import { randomBytes } from 'node:crypto';
import type { AnyActor, InspectionEvent } from 'xstate';
import { type Clock, systemClock } from '../core/clock.ts';
import type { ActorRecord } from './actor-record.ts';
import { Registry } from './registry.ts';
import { type Subscriber, Subscribers } from './subscribers.ts';
import { QUIET_MS, UpdateThrottle } from './update-throttle.ts';

export interface HubOptions {
  /** Whether details and error messages may leave the process; they can hold parts of an event's payload. Default false. */
  readonly texts?: boolean;
  /** Prefix of every session id, since XState counts from 0 in each process. Default random. */
  readonly boot?: string;
  readonly clock?: Clock;
}

type Typed = { readonly type: string };
type Status = { readonly status: string };

/**
 * Sends what XState's actors do to every subscriber, in the wire protocol of `@statelyai/inspect`. Without subscribers it
 * keeps one reference per live actor and nothing else.
 */
export class Hub {
  readonly #registry: Registry;
  readonly #subscribers: Subscribers;
  readonly #throttle = new UpdateThrottle();
  readonly #clock: Clock;
  #pollIsDue = false;

  constructor({ texts = false, boot = randomBytes(4).toString('hex'), clock = systemClock }: HubOptions = {}) {
    this.#clock = clock;
    this.#registry = new Registry(boot);
    this.#subscribers = new Subscribers({ registry: this.#registry, clock, texts });
  }

  /** XState's `inspect` option. It never throws: an exception here would block the actor's mailbox for ever. */
  readonly observe = (event: InspectionEvent): void => {
    try {
      this.#observed(event);
    } catch {
      // Some property of this actor cannot be read. The other actors are still shown.
    }
  };

  /** @returns a function that ends the subscription */
  join(subscriber: Subscriber): () => void {
    return this.#subscribers.join(subscriber);
  }

  get size(): { readonly actors: number; readonly subscribers: number } {
    return { actors: this.#registry.size, subscribers: this.#subscribers.size };
  }

  #observed(event: InspectionEvent): void {
    const actor = event.actorRef as AnyActor;
    switch (event.type) {
      case '@xstate.event':
        this.#onEvent(actor, event.event, event.sourceRef as AnyActor | undefined, event.rootId);
        break;
      case '@xstate.microstep':
        if (this.#subscribers.size > 0 && event._transitions.some(({ target }) => target !== undefined))
          this.#withRecord(actor, (record) => this.#throttle.moved(record));
        break;
      case '@xstate.snapshot':
        this.#withRecord(actor, (record) => this.#onSnapshot(record, actor, event.snapshot, event.event));
        break;
      // The snapshot has their result; an actor is sent once it starts.
      case '@xstate.actor':
      case '@xstate.action':
      case '@xstate.transition':
    }
  }

  #onEvent(actor: AnyActor, event: Typed, from: AnyActor | undefined, rootId: string): void {
    // The first event of every actor that is started. An actor that is never started must not stay in the registry.
    if (event.type === 'xstate.init') {
      this.#onStart(actor, rootId);
      return;
    }
    // An actor that throws has no last snapshot; there is only the error event that its parent receives.
    if (from !== undefined && event.type.startsWith('xstate.error.actor.'))
      this.#onError(from, Reflect.get(event, 'error'), event);
    if (this.#subscribers.size === 0) return;
    // The event that a settled operation sends to itself is in its last snapshot.
    if (from === actor && event.type.startsWith('xstate.promise.')) return;
    this.#withRecord(actor, (record) => {
      if (!this.#throttle.sendsEvent(record, event.type, this.#clock.now())) return;
      const source = from === undefined ? undefined : this.#registry.find(from.sessionId);
      this.#subscribers.publish({ kind: 'event', about: record, at: this.#clock.wallClock(), event, source });
    });
  }

  #onStart(actor: AnyActor, rootId: string): void {
    const record = this.#registry.add(actor, rootId);
    this.#subscribers.publish({ kind: 'actor', about: record, at: this.#clock.wallClock(), snapshot: record.snapshot });
    if (actor._parent !== undefined) return;
    // A root has no parent that receives its error.
    actor.subscribe({
      error: (error: unknown) => {
        try {
          this.#onError(actor, error, { type: `xstate.error.actor.${actor.id}`, error } as Typed);
        } catch {
          // As in `observe`: XState would rethrow the exception where it is not caught.
        }
      },
    });
  }

  #onError(actor: AnyActor, error: unknown, event: Typed): void {
    this.#withRecord(actor, (record) => {
      const { value, context, children } = Object(record.snapshot);
      this.#onSnapshot(record, actor, { value, context, children, status: 'error', error } as Status, event);
    });
  }

  #onSnapshot(record: ActorRecord, actor: AnyActor, snapshot: Status, event: Typed): void {
    const ended = snapshot.status !== 'active';
    // The message about its start has the same snapshot. Most actors are operations, which have no other before they end.
    if (event.type === 'xstate.init' && snapshot === record.snapshot && !ended) return;
    record.snapshot = snapshot;
    record.event = event;
    if (ended) {
      this.#registry.remove(actor.sessionId);
      this.#throttle.remove(record);
    }
    if (this.#subscribers.size === 0) return;
    if (ended || this.#throttle.sendsSnapshot(record, this.#clock.now())) this.#publishSnapshot(record);
    else this.#pollAgain();
  }

  #publishSnapshot(record: ActorRecord): void {
    const { snapshot, event } = record;
    this.#subscribers.publish({ kind: 'snapshot', about: record, at: this.#clock.wallClock(), snapshot, event });
  }

  /** After a while, publishes the snapshots that were held back. */
  #pollAgain(): void {
    if (this.#pollIsDue) return;
    this.#pollIsDue = true;
    this.#clock.later(QUIET_MS, () => {
      this.#pollIsDue = false;
      for (const record of this.#throttle.due(this.#clock.now())) this.#publishSnapshot(record);
      if (this.#throttle.holds) this.#pollAgain();
    });
  }

  #withRecord(actor: AnyActor, then: (record: ActorRecord) => void): void {
    const record = this.#registry.find(actor.sessionId);
    if (record !== undefined) then(record);
  }
}
