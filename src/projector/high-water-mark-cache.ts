import { type Log, silentLog } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { InstanceEvents, UnhandledEvents } from '../core/status.ts';
import type { HighWaterMarkReader, OpenAppender } from '../event-store/high-water-mark.ts';
import type { Heartbeat } from '../state/heartbeat.ts';
import { InstanceEventsNotice, UnhandledCounter } from './event-notices.ts';
import type { HighWaterMarkSource } from './high-water-mark-source.ts';
import { HighWaterMarkTimeline } from './high-water-mark-timeline.ts';
import { type Appended, RecentEvents } from './recent-events.ts';

/** The safe head, read once per daemon and shared by all projections. */
export interface HighWaterMarkCache extends HighWaterMarkSource {
  poll(): Promise<{ readonly position: bigint; readonly lastAllocated: bigint; readonly open: boolean }>;
  /** Last allocated position, by the cheapest statement there is. */
  lastAllocated(): Promise<bigint>;
  /** The same, once a heartbeat: `onHeartbeat` gets what else was read. */
  heartbeat(): Promise<bigint>;
  /** What goes with `latest`: between the two there is no event and never will be. 0 before the first look. */
  safe(): bigint;
  /** What was appended after `after`, up to the last head seen; null where the polls have not read all of it. */
  since(after: bigint): Appended | null;
  /** Event types that no projection handles, as the looks have come across them. */
  unhandled(): readonly UnhandledEvents[];
  /** The first event of an instance, of those that looks and pages have come across; null: there was none. */
  instanceEvents(): InstanceEvents | null;
  /** As `HeadTimeline.secondsAbove`. */
  secondsAbove(cursor: bigint, notBefore: number): number | null;
  /** Appenders that held the head at the last look. */
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
      const head = await reader.read();
      latest = head.position;
      latestId = head.id;
      timeline.note(head.position);
      safe = head.safe;
      holders = head.holders;
      if (head.recent === null) recent.forget();
      else {
        recent.add(head.recent.after, head.position, head.recent.events);
        unhandled.add(head.recent.events);
        instances.add(head.recent.events);
      }
      return { position: head.position, lastAllocated: head.lastAllocated, open: head.holders.length > 0 };
    } catch (error) {
      forget();
      throw error;
    }
  }

  async function heartbeat(): Promise<bigint> {
    const seen = await readHeartbeat();
    onHeartbeat(seen);
    return seen.lastAllocated;
  }

  function forget(): void {
    latest = null;
    recent.forget();
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
    forget,
    epoch: () => reader.epoch(),
    holders: () => holders,
    unhandled: () => unhandled.metrics(),
    passed: (events) => instances.add(events),
    instanceEvents: () => instances.first,
  };
}
