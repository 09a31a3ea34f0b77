import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import { duration, grouped } from '../core/readable.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient, Fleet } from './client.ts';
import { type Colour, type Paint, plain } from './colours.ts';
import { describeCurrentFailure } from './failure-report.ts';
import { type Output, oneLine, table } from './terminal.ts';

const TITLES = ['NAME', 'STATE', 'CURSOR/HEAD', 'LAG', 'RATE', 'ETA', 'DETAIL'];

export interface StatusOptions {
  readonly name: string | undefined;
  readonly json: boolean;
  readonly paint: Paint;
}

const COLOUR_OF: Readonly<Record<string, Colour>> = {
  live: 'green',
  failed: 'red',
  'catching-up': 'yellow',
  resetting: 'yellow',
};

/**
 * `projectionist status`: a table for people, or what the daemon said for programs. Of one projection alone also
 * everything about the event it stands before.
 */
export async function showStatus(
  client: DaemonClient,
  options: StatusOptions,
  stdout: Output,
  signal: AbortSignal,
): Promise<void> {
  if (options.name !== undefined) {
    const status = await client.status(options.name, signal);
    const { failure } = status;
    const about = inOrderLines([status]) + (failure === null ? '' : `\n${describeCurrentFailure(failure)}`);
    stdout.write(
      options.json ? `${JSON.stringify(status, null, 2)}\n` : statusTable([status], undefined, options.paint) + about,
    );
    return;
  }
  const fleet = await client.fleet(signal);
  stdout.write(
    options.json
      ? `${JSON.stringify(fleet, null, 2)}\n`
      : statusTable(fleet.projections, fleet.publisher, options.paint) +
          inOrderLines(fleet.projections) +
          brokerLine(fleet) +
          unhandledLine(fleet) +
          instanceLine(fleet),
  );
}

/** Nothing where all is well: then there is nothing to do. */
function brokerLine({ broker }: Fleet): string {
  if (broker === undefined || (broker.state === 'healthy' && broker.detail === null)) return '';
  const why = broker.detail === null ? '' : `, ${broker.detail}`;
  return `${oneLine(`broker: ${broker.state}${why}`)}\n`;
}

const LISTED = 10;

/** Types that may be misspelt, or whose projection is missing. */
function unhandledLine({ unhandled = [] }: Fleet): string {
  if (unhandled.length === 0) return '';
  const shown = unhandled.slice(0, LISTED).map(({ name, events }) => `${name} (${grouped(events)})`);
  const more = unhandled.length > LISTED ? `, and ${unhandled.length - LISTED} more` : '';
  return `${oneLine(`no projection handles: ${shown.join(', ')}${more}`)}\n`;
}

/** Until projections per instance exist, an event's instance is kept and nothing is made of it. */
function instanceLine({ instanceEvents: first }: Fleet): string {
  if (first === undefined) return '';
  const where = `${first.eventName} at position ${first.position} is of '${first.instance}'`;
  return `${oneLine(`events of instances are applied as one history: ${where}`)}\n`;
}

/** A line for each thing that keeps a projection from folding; an older daemon does not say. */
function inOrderLines(statuses: readonly ProjectionStatus[]): string {
  const lines = statuses.flatMap((status) =>
    (status.inOrder ?? []).map(({ table: name, because }) => {
      const where = name === null ? '' : `'${name}': `;
      return `${oneLine(`${nameOf(status)}: applied in order because ${where}${because}`)}\n`;
    }),
  );
  return lines.join('');
}

/** A line each, under a title. */
export function statusTable(
  statuses: readonly ProjectionStatus[],
  publisher?: PublisherStatus,
  paint: Paint = plain,
): string {
  const rows = [TITLES, ...statuses.map(row), ...(publisher === undefined ? [] : [publisherRow(publisher)])];
  return table(rows, (wide, cell, column) => {
    const colour = column === 1 ? COLOUR_OF[cell] : undefined;
    return colour === undefined ? wide : paint(colour, wide);
  });
}

/** Below the projections, under the name of its row; `$` tells that it is none. */
function publisherRow({ state, cursor, head, lagEvents, ratePerSecond, detail: why }: PublisherStatus) {
  const rate = ratePerSecond > 0 ? `${grouped(ratePerSecond)}/s` : '-';
  return [PUBLISHER_NAME, state, `${cursor}/${head}`, grouped(lagEvents), rate, '-', why ?? ''].map(oneLine);
}

function row(status: ProjectionStatus): readonly string[] {
  const cells = [
    nameOf(status),
    status.state,
    `${status.cursor}/${status.head}`,
    lag(status),
    status.ratePerSecond > 0 ? `${grouped(status.ratePerSecond)}/s` : '-',
    status.etaSeconds === null ? '-' : duration(status.etaSeconds),
    describeDetail(status),
  ];
  return cells.map(oneLine);
}

function lag({ lagEvents, behindSeconds }: ProjectionStatus): string {
  if (lagEvents === 0) return '0';
  return behindSeconds === null ? grouped(lagEvents) : `${grouped(lagEvents)} (${duration(behindSeconds)})`;
}

export function nameOf({ name, instance }: ProjectionStatus): string {
  return instance === '' ? name : `${name}@${instance}`;
}

/** Why it is in its state or waits, and the event it stands before; empty when there is nothing to say. */
export function describeDetail({ detail: words, failure }: ProjectionStatus): string {
  if (failure === null) return words ?? '';
  const what = failure.eventName === null ? '' : ` ${failure.eventName}`;
  const state = failure.sqlstate === null ? '' : ` (${failure.sqlstate})`;
  // What the daemon that works on it says already.
  if (words?.includes(failure.error)) return `${words}${state}`;
  const why = `at ${failure.position}${what}, attempt ${failure.attempts}: ${failure.error}${state}`;
  return words === null ? why : `${words}; ${why}`;
}
