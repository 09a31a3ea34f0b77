import type { ProjectionState, ProjectionStatus } from '../../core/status.ts';
import { keyOf } from '../fleet.ts';

/** Column and direction by which the list is sorted. */
export interface Order {
  readonly by: 'state' | 'name' | 'lag' | 'time' | 'rate' | 'eta' | 'owner';
  readonly descending: boolean;
}

export interface Filter {
  /** Words that must all be in the name, the owner, the detail or the failure. */
  readonly search: string;
  /** Null for every state. */
  readonly state: ProjectionState | null;
}

/** States, the most urgent first. */
export const BY_URGENCY: readonly ProjectionState[] = ['failed', 'resetting', 'catching-up', 'idle', 'live'];

export function matching(statuses: readonly ProjectionStatus[], filter: Filter): readonly ProjectionStatus[] {
  const words = filter.search.toLowerCase().split(/\s+/);
  return statuses.filter((status) => {
    if (filter.state !== null && status.state !== filter.state) return false;
    const { owner, detail, failure, substate } = status;
    const text = [keyOf(status), substate, owner, detail, failure?.eventName, failure?.error].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Equal projections are sorted by name, so that a row moves only if the value that it is sorted by has changed. */
export function ordered(statuses: readonly ProjectionStatus[], { by, descending }: Order): readonly ProjectionStatus[] {
  const sign = descending ? -1 : 1;
  return [...statuses].sort((a, b) => sign * compare(a, b, by) || byText(keyOf(a), keyOf(b)));
}

function compare(a: ProjectionStatus, b: ProjectionStatus, by: Order['by']): number {
  switch (by) {
    case 'state':
      // Of equal states, first the projections that have skipped events.
      return BY_URGENCY.indexOf(a.state) - BY_URGENCY.indexOf(b.state) || hasSkipped(b) - hasSkipped(a);
    case 'name':
      return byText(keyOf(a), keyOf(b));
    case 'lag':
      return lagOf(a) - lagOf(b) || 0;
    case 'time':
      return (a.behindSeconds ?? 0) - (b.behindSeconds ?? 0);
    case 'rate':
      return a.ratePerSecond - b.ratePerSecond;
    case 'eta':
      return (a.etaSeconds ?? -1) - (b.etaSeconds ?? -1);
    case 'owner':
      return byText(a.owner ?? '', b.owner ?? '');
  }
}

/** A lag that is not known counts as the greatest. Two of them differ by NaN. */
function lagOf({ lagEvents }: ProjectionStatus): number {
  return lagEvents ?? Number.POSITIVE_INFINITY;
}

function hasSkipped({ skippedEvents }: ProjectionStatus): number {
  return skippedEvents > 0 ? 1 : 0;
}

/** `p2` before `p10`. */
const collator = new Intl.Collator('en', { numeric: true });
function byText(a: string, b: string): number {
  return collator.compare(a, b);
}

/** The number of projections in each state. */
export function counts(statuses: readonly ProjectionStatus[]): ReadonlyMap<ProjectionState, number> {
  const found = new Map(BY_URGENCY.map((state) => [state, 0]));
  for (const { state } of statuses) found.set(state, (found.get(state) ?? 0) + 1);
  return found;
}
