import type { Clock } from '../core/clock.ts';
import { type ActorUpdate, introduction, toMessage } from './messages.ts';
import type { Registry } from './registry.ts';

/** Somebody who reads along. */
export interface Reader {
  /** In order. `taken` is called when the last of them has left this process. */
  send(messages: readonly string[], taken?: () => void): void;
  /** Bytes that were sent and have not left this process. */
  readonly waiting: number;
  /** It is too slow: it has to go, and may come again for a fresh start. */
  drop(): void;
}

/** Not told yet, at most; more become text at once and not in the event loop's next turn. */
const MAX_NEWS = 1000;
/** Bytes that may wait for a reader, and how many more for each actor: all may begin, definitions included, in one turn. */
const MAX_WAITING = 4 * 1024 * 1024;
const MAX_WAITING_EACH = 32 * 1024;
/** Actors introduced at a time, which have to be taken before the next: definitions are large. */
const AT_A_TIME = 16;

/** `knows`: number of the last actor it was told of; what happens to later ones it learns when they are introduced. */
interface Session {
  readonly reader: Reader;
  knows: number;
}

export interface SubscribersOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Whether details and error messages may leave. */
  readonly texts: boolean;
}

/**
 * Those who read along. Each is told first what lives and how it stands, as fast as it takes that, and from then on
 * everything, in order. Memory is bounded by sending away whoever cannot follow: it may come again, and starts afresh.
 */
export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #sessions = new Set<Session>();
  #news: ActorUpdate[] = [];
  #flushing = false;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** @returns the way to leave */
  join(reader: Reader): () => void {
    // What has happened so far is in what the reader is told first.
    this.#flush();
    const session: Session = { reader, knows: 0 };
    this.#sessions.add(session);
    this.#introduce(session);
    return () => void this.#sessions.delete(session);
  }

  /** Becomes text in the event loop's next turn, once for all readers. */
  tell(news: ActorUpdate): void {
    if (this.#sessions.size === 0) return;
    this.#news.push(news);
    if (this.#news.length >= MAX_NEWS) {
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
    const news = this.#news;
    if (news.length === 0) return;
    this.#news = [];
    const numbers: number[] = [];
    const messages: string[] = [];
    for (const one of news) {
      const message = this.#textOf(one);
      if (message === null) continue;
      numbers.push(one.about.number);
      messages.push(message);
    }
    const newest = numbers.reduce((greatest, number) => Math.max(greatest, number), 0);
    for (const session of [...this.#sessions]) {
      // The same list for all who know everybody: it is made into frames once.
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
    const messages = next.flatMap((living) => introduction(living, at)).flatMap((one) => this.#textOf(one) ?? []);
    this.#send(session, messages, () => this.#introduce(session));
  }

  /** What cannot be shown is left out: nobody here could mend it, and the others have to be told of. */
  #textOf(news: ActorUpdate): string | null {
    try {
      return toMessage(news, this.#options.texts);
    } catch {
      return null;
    }
  }

  #send(session: Session, messages: readonly string[], taken?: () => void): void {
    session.reader.send(messages, taken);
    if (session.reader.waiting <= MAX_WAITING + MAX_WAITING_EACH * this.#options.registry.size) return;
    this.#sessions.delete(session);
    session.reader.drop();
  }
}
