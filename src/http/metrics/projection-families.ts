import { STATES } from '../../core/status.ts';
import type { DaemonMetrics, ProjectionMetrics } from '../../daemon/metrics.ts';
import type { Timing } from '../../projector/page-metrics.ts';
import type { Family, Sample } from './family.ts';

/** What each projection is at. docs/metrics.md lists them; a test compares. */
export const PROJECTION_FAMILIES: readonly Family[] = [
  {
    name: 'projectionist_projection_state',
    help: 'Which of the five states the projection is in: 1 for that one, 0 for the others.',
    type: 'gauge',
    labels: ['projection', 'state'],
    read: each(({ status }) => STATES.map((state) => [status.state === state ? 1 : 0, state])),
  },
  gauge(
    'lag_events',
    'Positions between the safe head and what is applied: an upper bound of the events to come.',
    ({ status }) => status.lagEvents,
  ),
  gauge(
    'lag_seconds',
    'Seconds between the newest event and the newest one that is applied. Not there after a reset, until something is.',
    ({ status }) => status.lagSeconds,
  ),
  gauge(
    'behind_seconds',
    'Seconds for which the daemon has known of an event that is not applied. 0 when everything is.',
    ({ status }) => status.behindSeconds,
  ),
  gauge('position', 'Position of the last event that was applied or passed over.', ({ status }) =>
    Number(status.cursor),
  ),
  gauge(
    'applied_timestamp_seconds',
    'Time of the newest event that was applied, as in readviews.',
    ({ status }) => status.position,
  ),
  gauge(
    'generation',
    'How often the projection was reset since it was first declared.',
    ({ status }) => status.generation,
  ),
  gauge('alarm', '1 while the rows can no longer be trusted: RESET makes them anew.', ({ alarm }) => (alarm ? 1 : 0)),
  gauge(
    'skipped_events',
    'Events passed over since the last reset, by SKIP or by the policy; they stay on record.',
    ({ skipped }) => skipped,
  ),
  gauge(
    'turn_wait_seconds',
    'Seconds that the projection has been waiting for a connection to apply its page; 0 while it does not.',
    ({ turnSeconds }) => turnSeconds,
  ),
  gauge(
    'stalled_seconds',
    'Seconds that the pull under way has been at one try of a page, or at reading; 0 while there is none.',
    ({ stalledSeconds }) => stalledSeconds,
  ),
  gauge(
    'backing_off_seconds',
    'Seconds for which the projection has backed off without getting anywhere; 0 while it does not.',
    ({ backingOffSeconds }) => backingOffSeconds,
  ),
  {
    name: 'projectionist_pages_total',
    help: 'Pages committed whole, folded into set-based statements, run in order, or in one round trip at once.',
    type: 'counter',
    labels: ['projection', 'mode'],
    read: each(({ pages }) => Object.entries(pages.pages).map(([mode, { count }]) => [count, mode])),
  },
  {
    name: 'projectionist_page_seconds_total',
    help: 'Seconds that those pages took, from asking for the events to the commit.',
    type: 'counter',
    labels: ['projection', 'mode'],
    read: each(({ pages }) => Object.entries(pages.pages).map(([mode, { seconds }]) => [seconds, mode])),
  },
  counter(
    'events_applied_total',
    'Events committed, of the types that the projection handles.',
    ({ pages }) => pages.events,
  ),
  counter('failures_total', 'Attempts at an event that could not be applied.', ({ pages }) => pages.failures),
  counter('retries_total', 'Further attempts at an event that had failed.', ({ pages }) => pages.retries),
  {
    name: 'projectionist_append_to_row_seconds',
    help: "From an event's occurred_at to the commit of its row, once a page, for what was appended while live.",
    type: 'histogram',
    labels: ['projection'],
    read: ({ projections }) => projections.map(({ latency }) => ({ labels: [latency.name], ...latency })),
  },
  ...timings('statements', 'event', ({ pages }) => pages.statements, {
    count: 'Statements run in order, by the type of their event; a handler with SQL of its own counts as one.',
    seconds: 'Seconds that those statements took.',
  }),
  ...timings('folds', 'table', ({ pages }) => pages.folds, {
    count: 'Pages folded, by the table that they changed.',
    seconds: 'Seconds that reading and writing the folded rows of that table took.',
  }),
];

type Read<T> = (projection: ProjectionMetrics) => T;

/** The samples of every projection, its name being the first label. */
function each(read: Read<readonly Sample[]>): (metrics: DaemonMetrics) => readonly Sample[] {
  return ({ projections }) =>
    projections.flatMap((one) => read(one).map(([value, ...labels]) => [value, one.status.name, ...labels] as const));
}

/** Null is not known: no sample is better than a wrong one. */
function gauge(name: string, help: string, read: Read<number | null>): Family {
  return plain('gauge', name, help, read);
}

function counter(name: string, help: string, read: Read<number>): Family {
  return plain('counter', name, help, read);
}

function plain(type: 'gauge' | 'counter', name: string, help: string, read: Read<number | null>): Family {
  const samples = (value: number | null): readonly Sample[] => (value === null ? [] : [[value]]);
  const full = `projectionist_${name}`;
  return { name: full, help, type, labels: ['projection'], read: each((projection) => samples(read(projection))) };
}

function timings(
  name: string,
  label: string,
  read: Read<ReadonlyMap<string, Timing>>,
  help: { readonly count: string; readonly seconds: string },
): readonly Family[] {
  const one = (what: 'count' | 'seconds'): Family => ({
    name: `projectionist_${name}${what === 'seconds' ? '_seconds' : ''}_total`,
    help: help[what],
    type: 'counter',
    labels: ['projection', label],
    read: each((projection) => [...read(projection)].map(([key, timing]) => [timing[what], key])),
  });
  return [one('count'), one('seconds')];
}
