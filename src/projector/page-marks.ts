import type { StoredEvent } from '../core/event.ts';
import type { EventMark } from '../event-store/event-source.ts';
import type { ServerMoment } from '../postgres/server-moment.ts';
import type { PageWork } from './page-request.ts';

type Rest = Pick<PageWork, 'page' | 'afterId'>;

/** Number of events of a page that are always compared: all of a short page, the newest of a long one. */
const COMPARED = 16;

/**
 * The events that every page compares before it moves the cursor to `to`. A crash or a failover takes back what was
 * committed last, and those are mostly the newest events. But events are committed in any order, so an early one may be
 * gone alone: unless it is known that nothing was taken back (`restsOnRead`), `allMarks` are compared too. A page without
 * a moment of reading compares all of its events here; it comes from the polls and has 256 events at most.
 */
export function pageMarks(work: Rest, to: bigint): readonly EventMark[] {
  const { page, afterId = null } = work;
  const events = upTo(work, to);
  const marks = (page.readAt ?? null) === null ? events.map(toMark) : events.slice(-COMPARED).map(toMark);
  if (to === page.to && typeof page.toId === 'string' && marks.at(-1)?.position !== to)
    return [...marks, { position: to, id: page.toId }];
  if (to === page.after && afterId !== null) return [{ position: to, id: afterId }];
  return marks;
}

/** The moment since which nothing may have been taken back; null if `pageMarks` are all events of the page. */
export function restsOnRead(work: Rest, to: bigint): ServerMoment | null {
  return upTo(work, to).length > COMPARED ? (work.page.readAt ?? null) : null;
}

/** Every event that the page applies up to `to`. */
export function allMarks(work: Rest, to: bigint): readonly EventMark[] {
  return upTo(work, to).map(toMark);
}

function upTo({ page }: Rest, to: bigint): readonly StoredEvent[] {
  return page.events.filter(({ position }) => position <= to);
}

function toMark({ position, id }: StoredEvent): EventMark {
  return { position, id };
}
