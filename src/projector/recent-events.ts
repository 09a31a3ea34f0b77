import type { StoredEvent } from '../core/event.ts';
import type { Page } from '../event-store/read.ts';

/** Greatest number of events that are kept. A projection that is further behind reads its pages itself. */
const KEPT = 256;

/** All events that were appended after a position, up to the high-water mark of the last poll. */
export interface Appended {
  readonly to: bigint;
  /** Id of the event at `to`; null if `events` does not contain it. */
  readonly toId: string | null;
  readonly events: readonly StoredEvent[];
}

/**
 * The newest events, which the polls read once for all projections that are woken for them. It contains every event from
 * `after` up to the high-water mark of the last poll, so a position without an event here has none in the store.
 */
export class RecentEvents {
  #after = 0n;
  #to = 0n;
  #events: readonly StoredEvent[] = [];

  /** Adds a poll: `events` are all events from `after` up to its high-water mark `to`. After a gap the older ones are dropped. */
  add(after: bigint, to: bigint, events: readonly StoredEvent[]): void {
    const joined = after === this.#to ? [...this.#events, ...events] : events;
    if (after !== this.#to) this.#after = after;
    const dropped = joined.at(-KEPT - 1);
    if (dropped !== undefined) this.#after = dropped.position;
    this.#events = joined.slice(-KEPT);
    this.#to = to;
  }

  /** After a lost connection, or a poll that did not read the events. */
  invalidate(): void {
    this.#after = 0n;
    this.#to = 0n;
    this.#events = [];
  }

  /** The events that were appended after `after`; null if they have to be read, or there are none. */
  since(after: bigint): Appended | null {
    if (after < this.#after || after >= this.#to) return null;
    const events = this.#events.filter(({ position }) => position > after);
    const last = events.at(-1);
    return { to: this.#to, toId: last?.position === this.#to ? last.id : null, events };
  }

  /** The page of these types after `after`, of at most `limit` events; null if it has to be read. */
  page(after: bigint, names: ReadonlySet<string>, limit: number): Page | null {
    const appended = this.since(after);
    if (appended === null) return null;
    const { to, toId } = appended;
    const events = appended.events.filter(({ name }) => names.has(name));
    if (events.length > limit) return null;
    return { after, events, to, toId, full: false, newest: newestOf(appended.events) };
  }
}

/** Greatest epoch second of these events; null if there are none. */
export function newestOf(events: readonly StoredEvent[]): bigint | null {
  return events.reduce<bigint | null>((max, { tstamp }) => (max === null || tstamp > max ? tstamp : max), null);
}
