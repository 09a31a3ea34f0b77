import type { StoredEvent } from '../core/event.ts';
import type { Page } from '../event-store/read.ts';

/** The safe head, and what the looks at it brought along, as whoever reads events sees it. */
export interface HighWaterMarkSource {
  /** The last safe head seen; null when there is none yet, or a lost connection made it worthless. */
  latest(): bigint | null;
  /** The page of these event types after `after`, up to the last head seen, if the looks have read it along; else null. */
  recent(after: bigint, names: ReadonlySet<string>, limit: number): Page | null;
  /** Id of the event at this position, if it is the last safe head seen; else null. */
  idAt(position: bigint): string | null;
  /** Looks again now. */
  refresh(): Promise<bigint>;
  /** Events that were read without a look, for what a daemon notices about events of any kind. */
  passed(events: readonly StoredEvent[]): void;
  /** After a lost connection. */
  forget(): void;
  /** Counts up with each `forget`: what was read of the store before that may have been taken back since. */
  epoch(): number;
}
