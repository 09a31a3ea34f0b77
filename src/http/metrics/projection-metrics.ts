import { STATES } from '../../core/status.ts';
import type { ProjectionMetrics } from '../../daemon/metrics.ts';
import { LATENCY_METRIC } from '../../projector/latency.ts';
import type { Timing } from '../../projector/page-metrics.ts';
import { known, type MetricDefinition, type Sample, type Snapshot } from './metric-definition.ts';

/** Metrics of each projection. */
export const PROJECTION_METRICS: readonly MetricDefinition[] = [
  {
    name: 'projectionist_projection_state',
    help: 'State of the projection: 1 for the current one of the five states, 0 for the others.',
    type: 'gauge',
    labels: ['projection', 'state'],
    read: each(({ status }) => STATES.map((state) => [status.state === state ? 1 : 0, state])),
  },
  gauge(
    'lag_events',
    'Positions between the high-water mark and the cursor: an upper bound of the events to apply. Absent while the store cannot be read.',
    ({ status }) => status.lagEvents,
  ),
  gauge(
    'lag_seconds',
    'Seconds between the newest event and the newest applied event. Absent after a reset until an event is applied, and while the store cannot be read.',
    ({ status }) => status.lagSeconds,
  ),
  gauge(
    'behind_seconds',
    'Seconds since the daemon first saw an event that is not applied yet; 0 when every event is applied. Absent while the store cannot be read.',
    ({ status }) => status.behindSeconds,
  ),
  gauge('position', 'Position of the last event that was applied or skipped.', ({ status }) => Number(status.cursor)),
  gauge(
    'applied_timestamp_seconds',
    'Time of the newest applied event, as in readviews.',
    ({ status }) => status.position,
  ),
  gauge('generation', 'Number of resets since the projection was first declared.', ({ status }) => status.generation),
  gauge('alarm', '1 while the rows may be wrong: RESET rebuilds them.', ({ alarm }) => (alarm ? 1 : 0)),
  gauge(
    'skipped_events',
    'Events skipped since the last reset, by SKIP or by the failure policy; their failure rows are kept.',
    ({ skipped }) => skipped,
  ),
  gauge(
    'turn_wait_seconds',
    'Seconds for which the projection has waited for a connection to apply its page; 0 while it does not wait.',
    ({ turnSeconds }) => turnSeconds,
  ),
  gauge(
    'stalled_seconds',
    'Seconds since the current run began its current attempt at a page, or its current read; 0 while no run is active.',
    ({ stalledSeconds }) => stalledSeconds,
  ),
  gauge(
    'backing_off_seconds',
    'Seconds for which the projection has backed off without applying an event; 0 while it does not back off.',
    ({ backingOffSeconds }) => backingOffSeconds,
  ),
  {
    name: 'projectionist_pages_total',
    help: 'Pages committed whole, by mode: folded into set-based statements, in order, or in a single round trip (`at_once`).',
    type: 'counter',
    labels: ['projection', 'mode'],
    read: each(({ pages }) => Object.entries(pages.pages).map(([mode, { count }]) => [count, mode])),
  },
  {
    name: 'projectionist_page_seconds_total',
    help: 'Seconds that these pages took, from the request for their events to the commit.',
    type: 'counter',
    labels: ['projection', 'mode'],
    read: each(({ pages }) => Object.entries(pages.pages).map(([mode, { seconds }]) => [seconds, mode])),
  },
  counter(
    'events_applied_total',
    'Events committed, of the types that the projection handles.',
    ({ pages }) => pages.events,
  ),
  counter('failures_total', 'Failed attempts to apply an event.', ({ pages }) => pages.failures),
  counter('retries_total', 'Repeated attempts to apply an event that failed before.', ({ pages }) => pages.retries),
  { ...LATENCY_METRIC, type: 'histogram', read: ({ latency }) => latency },
  ...timings('statements', 'event', ({ pages }) => pages.statements, {
    count: 'Statements run in order, by the type of their event; a handler that runs its own SQL counts as one.',
    seconds: 'Seconds that these statements took.',
  }),
  ...timings('folds', 'table', ({ pages }) => pages.folds, {
    count: 'Pages folded, by the table that they changed.',
    seconds: 'Seconds that reading and writing the folded rows of the table took.',
  }),
];

type Read<T> = (projection: ProjectionMetrics) => T;

/** The samples of every projection. The name of the projection is the first label. */
function each(read: Read<readonly Sample[]>): (snapshot: Snapshot) => readonly Sample[] {
  return ({ projections }) =>
    projections.flatMap((one) => read(one).map(([value, ...labels]) => [value, one.status.name, ...labels] as const));
}

function gauge(name: string, help: string, read: Read<number | null>): MetricDefinition {
  return single('gauge', name, help, read);
}

function counter(name: string, help: string, read: Read<number>): MetricDefinition {
  return single('counter', name, help, read);
}

/** `read` returns null when the value is not known: the projection has no sample then. */
function single(type: 'gauge' | 'counter', name: string, help: string, read: Read<number | null>): MetricDefinition {
  const samples = each((projection) => known(read(projection)));
  return { name: `projectionist_${name}`, help, type, labels: ['projection'], read: samples };
}

function timings(
  name: string,
  label: string,
  read: Read<ReadonlyMap<string, Timing>>,
  help: { readonly count: string; readonly seconds: string },
): readonly MetricDefinition[] {
  const metric = (part: 'count' | 'seconds'): MetricDefinition => ({
    name: `projectionist_${name}${part === 'seconds' ? '_seconds' : ''}_total`,
    help: help[part],
    type: 'counter',
    labels: ['projection', label],
    read: each((projection) => [...read(projection)].map(([key, timing]) => [timing[part], key])),
  });
  return [metric('count'), metric('seconds')];
}
