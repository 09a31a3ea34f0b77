import type { ProjectionStatus } from '../../core/status.ts';
import { count, duration, grouped } from '../format.ts';

/** What an operator can order; a button each, in this order. */
export const ORDERS = ['PAUSE', 'RESUME', 'RETRY', 'SKIP', 'RESET'] as const;
export type Order = (typeof ORDERS)[number];

export interface Explained {
  readonly title: string;
  /** What will happen, a paragraph each. */
  readonly says: readonly string[];
  /** On the button that does it. */
  readonly confirm: string;
  /** Takes rows or an event away. */
  readonly grave: boolean;
  readonly needsReason: boolean;
}

/** What an order will do to this projection, in words, before it is given. */
export function explain(order: Order, status: ProjectionStatus): Explained {
  const { name } = status;
  const plain = { grave: false, needsReason: false };
  switch (order) {
    case 'PAUSE':
      return {
        ...plain,
        title: `Pause ${name}?`,
        says: [
          'The page that is being applied ends, then nothing more is written.',
          'It stays paused, also over restarts, until somebody resumes it. Its rows can be read and grow old meanwhile.',
        ],
        confirm: 'Pause',
      };
    case 'RESUME':
      return {
        ...plain,
        title: `Resume ${name}?`,
        says: [
          `It goes on behind position ${grouped(status.cursor)} with ${count(status.lagEvents, 'event')} to look at.`,
        ],
        confirm: 'Resume',
      };
    case 'RETRY':
      return {
        ...plain,
        title: `Retry ${name}?`,
        says: [
          `${theEvent(status)} is applied again at once, with the code that runs now. If it works, ${name} goes on; if not, it stands where it stands.`,
        ],
        confirm: 'Retry',
      };
    case 'SKIP':
      return {
        title: `Skip an event of ${name}?`,
        says: [
          `${theEvent(status)} is passed over: what it says will not be in ${tablesOf(status)}. ${name} then goes on behind it.`,
          'The reason is kept with the event. If the projection has moved in the meantime, nothing is skipped.',
        ],
        confirm: 'Skip the event',
        grave: true,
        needsReason: true,
      };
    case 'RESET':
      return {
        title: `Reset ${name}?`,
        says: [
          `${upperFirst(tablesOf(status))} ${status.tables.length === 1 ? 'is' : 'are'} emptied at once, then made again from the first event on: ${count(Number(status.head), 'position')}${forHowLong(status)}.`,
          'Until it has caught up, readers see rows missing.',
        ],
        confirm: 'Empty and replay',
        grave: true,
        needsReason: false,
      };
  }
}

function theEvent({ failure }: ProjectionStatus): string {
  if (failure === null) return 'The event that failed';
  const what = failure.eventName === null ? '' : ` (${failure.eventName})`;
  return `The event at position ${grouped(failure.position)}${what}`;
}

function tablesOf({ tables, name }: ProjectionStatus): string {
  if (tables.length === 0) return `the tables of ${name}`;
  const [last = '', ...others] = [...tables].reverse();
  const list = others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
  return `${tables.length === 1 ? 'table' : 'tables'} ${list}`;
}

/** Only where a rate is known: a guess would be taken for a promise. */
function forHowLong({ head, ratePerSecond }: ProjectionStatus): string {
  return ratePerSecond > 0 ? `, about ${duration(Number(head) / ratePerSecond)} at the present rate` : '';
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
