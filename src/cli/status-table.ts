import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import { duration, grouped } from '../core/readable.ts';
import type { ProjectionStatus } from '../core/status.ts';
import { type Colour, type Paint, plain } from './colours.ts';
import { oneLine, table } from './terminal.ts';

const TITLES = ['NAME', 'STATE', 'CURSOR/HEAD', 'LAG', 'RATE', 'ETA', 'DETAIL'];

const COLOUR_OF: Readonly<Record<string, Colour>> = {
  live: 'green',
  failed: 'red',
  'catching-up': 'yellow',
  resetting: 'yellow',
};

/** One line for each projection and for the publisher, below the titles. */
export function statusTable(
  statuses: readonly ProjectionStatus[],
  publisher?: PublisherStatus,
  paint: Paint = plain,
): string {
  const rows = [TITLES, ...statuses.map(row), ...(publisher === undefined ? [] : [publisherRow(publisher)])];
  return table(rows, (padded, cell, column) => {
    const colour = column === 1 ? COLOUR_OF[cell] : undefined;
    return colour === undefined ? padded : paint(colour, padded);
  });
}

/** Named as its row of `projection_state`; `$` cannot begin the name of a projection. */
function publisherRow({ state, cursor, head, lagEvents, ratePerSecond, detail }: PublisherStatus) {
  const rate = ratePerSecond > 0 ? `${grouped(ratePerSecond)}/s` : '-';
  return [
    PUBLISHER_NAME,
    state,
    reached(cursor, head, lagEvents),
    lag({ lagEvents, behindSeconds: null }),
    rate,
    '-',
    detail ?? '',
  ].map(oneLine);
}

function row(status: ProjectionStatus): readonly string[] {
  const cells = [
    nameOf(status),
    status.state,
    reached(status.cursor, status.head, status.lagEvents),
    lag(status),
    status.ratePerSecond > 0 ? `${grouped(status.ratePerSecond)}/s` : '-',
    status.etaSeconds === null ? '-' : duration(status.etaSeconds),
    describeDetail(status),
  ];
  return cells.map(oneLine);
}

/** A lag that is not known is `?`: the store cannot be read. */
function reached(cursor: string, head: string, lagEvents: number | null): string {
  return `${cursor}/${lagEvents === null ? '?' : head}`;
}

function lag({ lagEvents, behindSeconds }: Pick<ProjectionStatus, 'lagEvents' | 'behindSeconds'>): string {
  if (lagEvents === null) return '?';
  if (lagEvents === 0) return '0';
  return behindSeconds === null ? grouped(lagEvents) : `${grouped(lagEvents)} (${duration(behindSeconds)})`;
}

export function nameOf({ name, instance }: ProjectionStatus): string {
  return instance === '' ? name : `${name}@${instance}`;
}

/** Why the projection is in its state or waits, and its failed event; empty when there is neither. */
export function describeDetail({ detail, failure }: ProjectionStatus): string {
  if (failure === null) return detail ?? '';
  const what = failure.eventName === null ? '' : ` ${failure.eventName}`;
  const state = failure.sqlstate === null ? '' : ` (${failure.sqlstate})`;
  // The daemon that runs the projection has put the error into the detail.
  if (detail?.includes(failure.error)) return `${detail}${state}`;
  const why = `at ${failure.position}${what}, attempt ${failure.attempts}: ${failure.error}${state}`;
  return detail === null ? why : `${detail}; ${why}`;
}
