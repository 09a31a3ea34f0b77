import { grouped } from '../readable.ts';
import type { ProjectionStatus } from '../status.ts';

/** The failed event that a projection is halted before: `The event at position 18,742 (BandCreated)`. */
export function failedEventOf({ failure }: ProjectionStatus): string {
  if (failure === null) return 'The event that failed';
  const what = failure.eventName === null ? '' : ` (${failure.eventName})`;
  return `The event at position ${grouped(failure.position)}${what}`;
}

/** `table band`, `tables origin, ignored_band and ignored_city`. */
export function tablesOf({ tables, name }: ProjectionStatus): string {
  if (tables.length === 0) return `the tables of ${name}`;
  const list = tables.length === 1 ? tables.join() : `${tables.slice(0, -1).join(', ')} and ${tables.slice(-1).join()}`;
  return `${tables.length === 1 ? 'table' : 'tables'} ${list}`;
}

export function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
