import type { StoredEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { InstanceEvents } from '../core/status.ts';

const ONE_HISTORY = 'an event names an instance: no projection is per instance yet, so all apply it as one history';

/**
 * Notices the first event of an instance among those that are read anyway. Two tenants may have a band of one name each,
 * and one row for both is nothing that an operator should find out from the rows.
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

  /** Since the start of the daemon. */
  get first(): InstanceEvents | null {
    return this.#first;
  }
}
