import { type Log, silentLog } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { InstanceEvents, UnhandledEvents } from '../core/status.ts';
import type { HighWaterMarkReader, OpenAppender } from '../event-store/high-water-mark.ts';
import type { Heartbeat } from '../state/heartbeat.ts';
import { InstanceEventsNotice, UnhandledCounter } from './event-notices.ts';
import type { HighWaterMarkSource } from './high-water-mark-source.ts';
import { HighWaterMarkTimeline } from './high-water-mark-timeline.ts';
import { type Appended, RecentEvents } from './recent-events.ts';

/** The high-water mark, read once per daemon and shared by all projections. */
export interface HighWaterMarkCache extends HighWaterMarkSource {
  poll(): Promise<{ readonly position: bigint; readonly lastAllocated: bigint; readonly open: boolean }>;
  /** The last allocated position, read with the cheapest statement there is. */
  lastAllocated(): Promise<bigint>;
  /** The same, once a heartbeat; `onHeartbeat` gets the other results of that statement. */
  heartbeat(): Promise<bigint>;
  /** The end of the range above `latest` in which there is no event and never will be. 0 before the first poll. */
  safe(): bigint;
  /** The events that were appended after `after`, up to the last high-water mark; null if the polls have not read all of them. */
  since(after: bigint): Appended | null;
  /** Event types that the polls have read and that no projection handles. */
  unhandled(): readonly UnhandledEvents[];
  /** The first event of an instance that a poll or a page has read; null: there was none. */
  instanceEvents(): InstanceEvents | null;
  /** As `HighWaterMarkTimeline.secondsAbove`. */
  secondsAbove(cursor: bigint, notBefore: number): number | null;
  /** Appenders that held the high-water mark back at the last poll. */
  holders(): readonly OpenAppender[];
}

export function createHighWaterMarkCache(
  reader: HighWaterMarkReader,
  readHeartbeat: () => Promise<Heartbeat>,
  projections: readonly Pick<Projection, 'handlers'>[],
  onHeartbeat: (seen: Heartbeat) => void,
  log: Log = silentLog,
): HighWaterMarkCache {
  const instances = new InstanceEventsNotice(log);
  const unhandled = new UnhandledCounter(projections);
  let latest: bigint | null = null;
  let latestId: string | null = null;
  let safe = 0n;
  let holders: readonly OpenAppender[] = [];
  const recent = new RecentEvents();
  const timeline = new HighWaterMarkTimeline(() => performance.now());

  async function poll() {
    try {
      const mark = await reader.read();
      latest = mark.position;
      latestId = mark.id;
      timeline.note(mark.position);
      safe = mark.safe;
      holders = mark.holders;
      if (mark.recent === null) recent.invalidate();
      else {
        recent.add(mark.recent.after, mark.position, mark.recent.events);
        unhandled.add(mark.recent.events);
        instances.add(mark.recent.events);
      }
      return { position: mark.position, lastAllocated: mark.lastAllocated, open: mark.holders.length > 0 };
    } catch (error) {
      invalidate();
      throw error;
    }
  }

  async function heartbeat(): Promise<bigint> {
    const seen = await readHeartbeat();
    onHeartbeat(seen);
    return seen.lastAllocated;
  }

  function invalidate(): void {
    latest = null;
    recent.invalidate();
    reader.forget();
  }

  return {
    poll,
    lastAllocated: () => reader.lastAllocated(),
    heartbeat,
    latest: () => latest,
    idAt: (position) => (position === latest ? latestId : null),
    since: (after) => recent.since(after),
    recent: (after, names, limit) => recent.page(after, names, limit),
    safe: () => safe,
    secondsAbove: (cursor, notBefore) => timeline.secondsAbove(cursor, notBefore),
    refresh: async () => (await poll()).position,
    invalidate,
    epoch: () => reader.epoch(),
    holders: () => holders,
    unhandled: () => unhandled.metrics(),
    passed: (events) => instances.add(events),
    instanceEvents: () => instances.first,
  };
}
