import type { StoredEvent } from '../core/event.ts';
import type { Page } from '../event-store/read.ts';

/** Events kept at most; a projection further behind reads its pages itself. */
const KEPT = 256;

/** Every event that was appended after a position, up to the last poll's head. */
export interface Appended {
  readonly to: bigint;
  /** Of the event at `to`; null where that is not among them. */
  readonly toId: string | null;
  readonly events: readonly StoredEvent[];
}

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

  /** What was appended after `after`; null where that has to be read, or is nothing. */
  since(after: bigint): Appended | null {
    if (after < this.#after || after >= this.#to) return null;
    const events = this.#events.filter(({ position }) => position > after);
    const last = events.at(-1);
    return { to: this.#to, toId: last?.position === this.#to ? last.id : null, events };
  }

  /** The page of these types that follows `after`, at most `limit` events; null where it has to be read. */
  page(after: bigint, names: ReadonlySet<string>, limit: number): Page | null {
    const appended = this.since(after);
    if (appended === null) return null;
    const { to, toId } = appended;
    const events = appended.events.filter(({ name }) => names.has(name));
    if (events.length > limit) return null;
    return { after, events, to, toId, full: false, newest: newestOf(appended.events) };
  }
}

/** Greatest epoch second of these events; null where there are none. */
export function newestOf(events: readonly StoredEvent[]): bigint | null {
  return events.reduce<bigint | null>((max, { tstamp }) => (max === null || tstamp > max ? tstamp : max), null);
}
