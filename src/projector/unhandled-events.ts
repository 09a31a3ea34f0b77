import type { StoredEvent } from '../core/event.ts';
import type { Projection } from '../core/projection.ts';
import type { UnhandledEvents } from '../core/status.ts';

/** Types that are counted by themselves. */
const TYPES = 50;
/** What the others are counted under. */
const OTHER = 'other';

/** Counts events that no projection handles, as the polls come across them: a type that is misspelt shows here. */
export class UnhandledCounter {
  readonly #handled: ReadonlySet<string>;
  readonly #counts = new Map<string, { events: number; position: bigint }>();
  #counted = 0n;

  constructor(projections: readonly Pick<Projection, 'handlers'>[]) {
    this.#handled = new Set(projections.flatMap(({ handlers }) => [...handlers.keys()]));
  }

  /** Events of a poll, in order; those that were counted before are not again. */
  add(events: readonly Pick<StoredEvent, 'name' | 'position'>[]): void {
    for (const { name, position } of events) {
      if (position <= this.#counted) continue;
      this.#counted = position;
      if (this.#handled.has(name)) continue;
      const key = this.#counts.has(name) || this.#counts.size < TYPES ? name : OTHER;
      this.#counts.set(key, { events: (this.#counts.get(key)?.events ?? 0) + 1, position });
    }
  }

  /** Since the start of the daemon, most frequent first. */
  metrics(): readonly UnhandledEvents[] {
    return [...this.#counts]
      .map(([name, { events, position }]) => ({ name, events, position: String(position) }))
      .sort((one, other) => other.events - one.events);
  }
}
