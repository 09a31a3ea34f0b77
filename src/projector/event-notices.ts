import type { StoredEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { InstanceEvents, UnhandledEvents } from '../core/status.ts';

/** Types that have a count of their own. */
const TYPES = 50;
/** The name under which the events of all further types are counted. */
const OTHER = 'other';

/** Counts the events of the polls that no projection handles, so that a misspelt type shows in the status. */
export class UnhandledCounter {
  readonly #handled: ReadonlySet<string>;
  readonly #counts = new Map<string, { events: number; position: bigint }>();
  #counted = 0n;

  constructor(projections: readonly Pick<Projection, 'handlers'>[]) {
    this.#handled = new Set(projections.flatMap(({ handlers }) => [...handlers.keys()]));
  }

  /** Adds the events of a poll, which are in order. An event that was counted before is not counted again. */
  add(events: readonly Pick<StoredEvent, 'name' | 'position'>[]): void {
    for (const { name, position } of events) {
      if (position <= this.#counted) continue;
      this.#counted = position;
      if (this.#handled.has(name)) continue;
      const key = this.#counts.has(name) || this.#counts.size < TYPES ? name : OTHER;
      this.#counts.set(key, { events: (this.#counts.get(key)?.events ?? 0) + 1, position });
    }
  }

  /** Counts since the start of the daemon, the most frequent type first. */
  metrics(): readonly UnhandledEvents[] {
    return [...this.#counts]
      .map(([name, { events, position }]) => ({ name, events, position: String(position) }))
      .sort((one, other) => other.events - one.events);
  }
}

const ONE_HISTORY = 'an event names an instance: no projection is per instance yet, so all apply it as one history';

/**
 * Notices the first event that names an instance, among the events that are read anyway. Two tenants may each have a band
 * of the same name, and both would get one row: without the warning an operator would find that out from the rows.
 */
export class InstanceEventsNotice {
  readonly #log: Log;
  #first: InstanceEvents | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  add(events: readonly Pick<StoredEvent, 'instanceId' | 'name' | 'position'>[]): void {
    if (this.#first !== null) return;
    const found = events.find(({ instanceId }) => instanceId !== '');
    if (found === undefined) return;
    this.#first = {
      instance: found.instanceId.slice(0, 80),
      eventName: found.name.slice(0, 80),
      position: String(found.position),
    };
    this.#log.warn(this.#first, ONE_HISTORY);
  }

  /** The first such event since the start of the daemon; null: there was none. */
  get first(): InstanceEvents | null {
    return this.#first;
  }
}
