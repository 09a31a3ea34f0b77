import type { Clock } from '../core/clock.ts';
import { type ActorUpdate, introduction, toMessage } from './messages.ts';
import type { Registry } from './registry.ts';

/** A client of the hub. */
export interface Subscriber {
  /** In order. `written` is called when the last message has left this process. */
  send(messages: readonly string[], written?: () => void): void;
  /** Bytes of sent messages that have not left this process. */
  readonly waiting: number;
  /** Ends the connection of a client that is too slow. It may join again and starts afresh. */
  drop(): void;
}

/** Updates that may wait for the next turn of the event loop; when there are more, they are sent at once. */
const MAX_UPDATES = 1000;
/** Bytes that may wait for a subscriber, and how many more for each actor: all actors may start, definitions included, in one turn. */
const MAX_WAITING = 4 * 1024 * 1024;
const MAX_WAITING_EACH = 32 * 1024;
/** Actors that are sent to a new subscriber at a time; the next follow when these are written, since definitions are large. */
const AT_A_TIME = 16;

/** `knows`: number of the last actor that it was sent; updates of later actors are left out until these are sent. */
interface Session {
  readonly subscriber: Subscriber;
  knows: number;
}

export interface SubscribersOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Whether details and error messages may leave. */
  readonly texts: boolean;
}

/**
 * The subscribers. Each is sent first every live actor with its state, as fast as the client reads, and from then on every
 * update, in order. Memory is bounded by dropping clients that are too slow; they may join again and start afresh.
 */
export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #sessions = new Set<Session>();
  #updates: ActorUpdate[] = [];
  #flushing = false;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** @returns a function that ends the subscription */
  join(subscriber: Subscriber): () => void {
    // Earlier updates are part of the states that the subscriber is sent first.
    this.#flush();
    const session: Session = { subscriber, knows: 0 };
    this.#sessions.add(session);
    this.#introduce(session);
    return () => void this.#sessions.delete(session);
  }

  /** The update becomes text in the next turn of the event loop, once for all subscribers. */
  publish(update: ActorUpdate): void {
    if (this.#sessions.size === 0) return;
    this.#updates.push(update);
    if (this.#updates.length >= MAX_UPDATES) {
      this.#flush();
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.clock.soon(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const updates = this.#updates;
    if (updates.length === 0) return;
    this.#updates = [];
    const numbers: number[] = [];
    const messages: string[] = [];
    for (const one of updates) {
      const message = this.#textOf(one);
      if (message === null) continue;
      numbers.push(one.about.number);
      messages.push(message);
    }
    const newest = numbers.reduce((greatest, number) => Math.max(greatest, number), 0);
    for (const session of [...this.#sessions]) {
      // The same list for all subscribers that know every actor: it is turned into frames once.
      const known =
        newest <= session.knows ? messages : messages.filter((_, at) => (numbers[at] ?? 0) <= session.knows);
      if (known.length > 0) this.#send(session, known);
    }
  }

  #introduce(session: Session): void {
    if (!this.#sessions.has(session)) return;
    this.#flush();
    const { registry, clock } = this.#options;
    const next = registry.after(session.knows, AT_A_TIME);
    session.knows = next.at(-1)?.number ?? Number.POSITIVE_INFINITY;
    if (next.length === 0) return;
    const at = clock.wallClock();
    const messages = next.flatMap((record) => introduction(record, at)).flatMap((one) => this.#textOf(one) ?? []);
    this.#send(session, messages, () => this.#introduce(session));
  }

  /** Null for an actor that cannot be turned into text: it is left out, and the other actors are sent. */
  #textOf(update: ActorUpdate): string | null {
    try {
      return toMessage(update, this.#options.texts);
    } catch {
      return null;
    }
  }

  #send(session: Session, messages: readonly string[], written?: () => void): void {
    session.subscriber.send(messages, written);
    if (session.subscriber.waiting <= MAX_WAITING + MAX_WAITING_EACH * this.#options.registry.size) return;
    this.#sessions.delete(session);
    session.subscriber.drop();
  }
}
