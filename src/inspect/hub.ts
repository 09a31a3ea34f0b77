import { randomBytes } from 'node:crypto';
import type { AnyActor, InspectionEvent } from 'xstate';
import { type Clock, systemClock } from '../core/clock.ts';
import type { ActorRecord } from './actor-record.ts';
import { Registry } from './registry.ts';
import { type Reader, Subscribers } from './subscribers.ts';
import { QUIET_MS, UpdateThrottle } from './update-throttle.ts';

export interface HubOptions {
  /** Whether details and error messages may leave, which can hold parts of an event's payload. Default false. */
  readonly texts?: boolean;
  /** Put before every session id, since XState counts from 0 in each process. Default random. */
  readonly boot?: string;
  readonly clock?: Clock;
}

type Typed = { readonly type: string };
type Status = { readonly status: string };

/**
 * Tells every reader what XState's actors do, in the wire protocol of `@statelyai/inspect`. While nobody reads it keeps
 * one reference per actor that lives, and nothing else.
 */
export class Hub {
  readonly #registry: Registry;
  readonly #subscribers: Subscribers;
  readonly #throttle = new UpdateThrottle();
  readonly #clock: Clock;
  #looksAgain = false;

  constructor({ texts = false, boot = randomBytes(4).toString('hex'), clock = systemClock }: HubOptions = {}) {
    this.#clock = clock;
    this.#registry = new Registry(boot);
    this.#subscribers = new Subscribers({ registry: this.#registry, clock, texts });
  }

  /** XState's `inspect` option. It never throws: an exception here would leave the actor's mailbox stuck for good. */
  readonly observe = (event: InspectionEvent): void => {
    try {
      this.#observed(event);
    } catch {
      // Something about this actor cannot be read. The others are still told of.
    }
  };

  /** @returns the way to leave */
  join(reader: Reader): () => void {
    return this.#subscribers.join(reader);
  }

  get size(): { readonly actors: number; readonly readers: number } {
    return { actors: this.#registry.size, readers: this.#subscribers.size };
  }

  #observed(event: InspectionEvent): void {
    const actor = event.actorRef as AnyActor;
    switch (event.type) {
      case '@xstate.event':
        this.#heard(actor, event.event, event.sourceRef as AnyActor | undefined, event.rootId);
        break;
      case '@xstate.microstep':
        if (this.#subscribers.size > 0 && event._transitions.some(({ target }) => target !== undefined))
          this.#ofLiving(actor, (living) => this.#throttle.moved(living));
        break;
      case '@xstate.snapshot':
        this.#ofLiving(actor, (living) => this.#changed(living, actor, event.snapshot, event.event));
        break;
      // The snapshot says what they come to; and an actor is told of once it starts.
      case '@xstate.actor':
      case '@xstate.action':
      case '@xstate.transition':
    }
  }

  #heard(actor: AnyActor, event: Typed, from: AnyActor | undefined, rootId: string): void {
    // The first thing that happens to every actor that is started; one that never is would stay in the registry.
    if (event.type === 'xstate.init') {
      this.#born(actor, rootId);
      return;
    }
    // An actor that throws sends no last snapshot; all there is is what its parent hears.
    if (from !== undefined && event.type.startsWith('xstate.error.actor.'))
      this.#died(from, Reflect.get(event, 'error'), event);
    if (this.#subscribers.size === 0) return;
    // What an operation tells itself when it has settled stands in its last snapshot.
    if (from === actor && event.type.startsWith('xstate.promise.')) return;
    this.#ofLiving(actor, (living) => {
      if (!this.#throttle.event(living, event.type, this.#clock.now())) return;
      const source = from === undefined ? undefined : this.#registry.find(from.sessionId);
      this.#subscribers.tell({ kind: 'event', about: living, at: this.#clock.wallClock(), event, source });
    });
  }

  #born(actor: AnyActor, rootId: string): void {
    const living = this.#registry.add(actor, rootId);
    this.#subscribers.tell({ kind: 'actor', about: living, at: this.#clock.wallClock(), snapshot: living.snapshot });
    if (actor._parent !== undefined) return;
    // Nobody above hears of the death of a root.
    actor.subscribe({
      error: (error: unknown) => {
        try {
          this.#died(actor, error, { type: `xstate.error.actor.${actor.id}`, error } as Typed);
        } catch {
          // As in `observe`: XState would rethrow it where nobody catches it.
        }
      },
    });
  }

  #died(actor: AnyActor, error: unknown, event: Typed): void {
    this.#ofLiving(actor, (living) => {
      const { value, context, children } = Object(living.snapshot);
      this.#changed(living, actor, { value, context, children, status: 'error', error } as Status, event);
    });
  }

  #changed(living: ActorRecord, actor: AnyActor, snapshot: Status, event: Typed): void {
    const ended = snapshot.status !== 'active';
    // Its introduction has just said so. Most actors are operations, which do nothing else before they end.
    if (event.type === 'xstate.init' && snapshot === living.snapshot && !ended) return;
    living.snapshot = snapshot;
    living.event = event;
    if (ended) {
      this.#registry.remove(actor.sessionId);
      this.#throttle.forget(living);
    }
    if (this.#subscribers.size === 0) return;
    if (ended || this.#throttle.snapshot(living, this.#clock.now())) this.#tellSnapshot(living);
    else this.#pollAgain();
  }

  #tellSnapshot(living: ActorRecord): void {
    const { snapshot, event } = living;
    this.#subscribers.tell({ kind: 'snapshot', about: living, at: this.#clock.wallClock(), snapshot, event });
  }

  /** In a while, at what was held back. */
  #pollAgain(): void {
    if (this.#looksAgain) return;
    this.#looksAgain = true;
    this.#clock.later(QUIET_MS, () => {
      this.#looksAgain = false;
      for (const living of this.#throttle.due(this.#clock.now())) this.#tellSnapshot(living);
      if (this.#throttle.holds) this.#pollAgain();
    });
  }

  #ofLiving(actor: AnyActor, then: (living: ActorRecord) => void): void {
    const living = this.#registry.find(actor.sessionId);
    if (living !== undefined) then(living);
  }
}
