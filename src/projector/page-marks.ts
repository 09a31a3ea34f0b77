import type { StoredEvent } from '../core/event.ts';
import type { ServerMoment } from '../postgres/server-moment.ts';
import type { EventMark } from '../state/projection-state.ts';
import type { PageWork } from './page-request.ts';

type Rest = Pick<PageWork, 'page' | 'afterId'>;

/** Events of a page that are compared in any case: all that a short page has, the newest of a long one. */
const COMPARED = 16;

/**
 * The events that a move to `to` rests on, as far as they are compared with every page. What a crash or a failover takes
 * back is what was committed last, which are the newest ones more often than not. Events are committed in any order
 * though, so an early one may be gone alone: where it is not known that none was taken back (`restsOnRead`), `allMarks`
 * are compared. A page whose moment of reading is not known compares all of them at once; that is one which the polls
 * have read along, of 256 events at most.
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

/** The moment up to which nothing may have been taken back; null where `pageMarks` are all there is to compare. */
export function restsOnRead(work: Rest, to: bigint): ServerMoment | null {
  return upTo(work, to).length > COMPARED ? (work.page.readAt ?? null) : null;
}

/** Every event that a move to `to` applies. */
export function allMarks(work: Rest, to: bigint): readonly EventMark[] {
  return upTo(work, to).map(toMark);
}

function upTo({ page }: Rest, to: bigint): readonly StoredEvent[] {
  return page.events.filter(({ position }) => position <= to);
}

function toMark({ position, id }: StoredEvent): EventMark {
  return { position, id };
}
