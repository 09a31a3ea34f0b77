import type { StoredEvent } from '../core/event.ts';
import type { Page } from '../event-store/read.ts';

/** The high-water mark and the events that its polls have read, for the readers of events. */
export interface HighWaterMarkSource {
  /** The last high-water mark that was read; null before the first poll and after a lost connection. */
  latest(): bigint | null;
  /** The page of these event types after `after`, up to the last high-water mark, if the polls have read it; else null. */
  recent(after: bigint, names: ReadonlySet<string>, limit: number): Page | null;
  /** Id of the event at this position, if the position is the last high-water mark that was read; else null. */
  idAt(position: bigint): string | null;
  /** Reads the high-water mark now. */
  refresh(): Promise<bigint>;
  /** Takes note of events that a page has read, so that the first event of an instance is noticed there too. */
  passed(events: readonly StoredEvent[]): void;
  /** After a lost connection: drops everything that was read. */
  invalidate(): void;
  /** Rises with each `invalidate`: what was read of the store in an older epoch may have been taken back since. */
  epoch(): number;
}
