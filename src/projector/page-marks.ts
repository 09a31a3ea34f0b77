import type { EventMark } from '../state/projection-state.ts';
import type { PageWork } from './page-request.ts';

/** Events of a page that are compared: all that a live page has, the newest of a long one. */
const COMPARED = 16;

/**
 * The events that a move to `to` rests on. What a crash or a failover takes back is what was committed last, so the
 * newest ones tell; of a short page, every one is compared, since events are committed in any order.
 */
export function pageMarks(
  { page, afterId = null }: Pick<PageWork, 'page' | 'afterId'>,
  to: bigint,
): readonly EventMark[] {
  const upTo = page.events.filter(({ position }) => position <= to).slice(-COMPARED);
  const marks = upTo.map(({ position, id }) => ({ position, id }));
  if (to === page.to && typeof page.toId === 'string' && marks.at(-1)?.position !== to)
    return [...marks, { position: to, id: page.toId }];
  if (to === page.after && afterId !== null) return [{ position: to, id: afterId }];
  return marks;
}
