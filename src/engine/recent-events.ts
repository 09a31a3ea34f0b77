import type { StoredEvent } from '../core/event.ts';
import type { Page } from '../store/read.ts';

/** Events kept at most; a projection further behind reads its pages itself. */
const KEPT = 256;

/**
 * The newest events, as the looks at the head found them: read once, whatever number of projections is woken for them.
 * Everything from `after` up to the last look's head is here, so what is missing is known not to be there.
 */
export class RecentEvents {
  #after = 0n;
  #to = 0n;
  #events: readonly StoredEvent[] = [];

  /** One look: `events` are all from `after` up to the head, `to`. Looks that leave a hole begin anew. */
  add(after: bigint, to: bigint, events: readonly StoredEvent[]): void {
    const joined = after === this.#to ? [...this.#events, ...events] : events;
    if (after !== this.#to) this.#after = after;
    const dropped = joined.at(-KEPT - 1);
    if (dropped !== undefined) this.#after = dropped.position;
    this.#events = joined.slice(-KEPT);
    this.#to = to;
  }

  /** After a lost connection, or a look that did not read them. */
  forget(): void {
    this.#after = 0n;
    this.#to = 0n;
    this.#events = [];
  }

  /** The page of these types that follows `after`, at most `limit` events; null where it has to be read. */
  page(after: bigint, names: ReadonlySet<string>, limit: number): Page | null {
    if (after < this.#after || after >= this.#to) return null;
    const news = this.#events.filter(({ position }) => position > after);
    const events = news.filter(({ name }) => names.has(name));
    if (events.length > limit) return null;
    const newest = news.reduce<bigint | null>((max, { tstamp }) => (max === null || tstamp > max ? tstamp : max), null);
    return { after, events, to: this.#to, full: false, newest };
  }
}
