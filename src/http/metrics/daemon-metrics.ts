import { BROKER_STATES } from '../../core/broker.ts';
import { PUBLISHER_STATES } from '../../core/publisher.ts';
import { known, type MetricDefinition, type Sample, type Snapshot } from './metric-definition.ts';

/** Metrics of the daemon as a whole. */
export const DAEMON_METRICS: readonly MetricDefinition[] = [
  {
    name: 'projectionist_info',
    help: 'Version of the program and id of the daemon; always 1.',
    type: 'gauge',
    labels: ['version', 'daemon'],
    read: ({ version, daemon }) => [[1, version, daemon]],
  },
  single(
    'gauge',
    'database_up',
    '1 when the last query for the high-water mark succeeded; 0 while the circuit breaker is open.',
    ({ databaseUp }) => +databaseUp,
  ),
  single(
    'gauge',
    'store_problem',
    '1 while the scheduled check finds a problem in the event store; the status describes it.',
    ({ storeWrong }) => +storeWrong,
  ),
  single('gauge', 'head_position', 'The high-water mark: no event can appear at or below it any more.', ({ head }) =>
    head === null ? null : Number(head),
  ),
  single(
    'gauge',
    'head_holders',
    'Open transactions with appends: the high-water mark cannot pass them.',
    ({ holders }) => holders.length,
  ),
  single('gauge', 'head_held_seconds', 'Age of the oldest of these transactions.', ({ holders }) =>
    Math.max(0, ...holders.map(({ seconds }) => seconds ?? 0)),
  ),
  {
    name: 'projectionist_wakes_total',
    help: 'Polls of the event store that found events, by the source that started them; every scheduled poll counts.',
    type: 'counter',
    labels: ['source'],
    read: ({ hints }) => counts(hints.wakeups),
  },
  // The names of these event types are no labels: appenders choose them, and no projection declares them, so their number
  // is not bounded.
  single(
    'counter',
    'unhandled_events_total',
    'Events that the polls found since the start and no projection handles; the status lists their types.',
    ({ unhandled }) => unhandled.reduce((sum, { events }) => sum + events, 0),
  ),
  single(
    'counter',
    'positions_announced_total',
    'Positions that NOTIFY or a push announced before a poll found them.',
    ({ hints }) => hints.announced,
  ),
  single(
    'counter',
    'positions_missed_total',
    'Positions that the heartbeat found, with no wakeup before it.',
    ({ hints }) => hints.missed,
  ),
  {
    name: 'projectionist_pushes_total',
    help: 'Messages of the broker, by kind.',
    type: 'counter',
    labels: ['kind'],
    read: ({ hints }) => counts(hints.pushes),
  },
  {
    name: 'projectionist_control_messages_total',
    help: 'Messages of the control queue, by outcome.',
    type: 'counter',
    labels: ['outcome'],
    read: ({ hints: { controls } }) => [
      [controls.carriedOut, 'carried_out'],
      [controls.failed, 'failed'],
      [controls.refused, 'refused'],
    ],
  },
  {
    name: 'projectionist_pool_connections',
    help: 'Connections to PostgreSQL, by pool and by whether they are in use.',
    type: 'gauge',
    labels: ['pool', 'state'],
    read: ({ pools }) =>
      Object.entries(pools).flatMap(([pool, { busy, idle }]): Sample[] => [
        [busy, pool, 'busy'],
        [idle, pool, 'idle'],
      ]),
  },
  {
    name: 'projectionist_pool_waiting',
    help: 'Requests that wait for a connection of the pool.',
    type: 'gauge',
    labels: ['pool'],
    read: ({ pools }) => Object.entries(pools).map(([pool, { waiting }]) => [waiting, pool]),
  },
  {
    name: 'projectionist_pool_plans_evicted_total',
    help: 'Prepared statements dropped from their session, which keeps 500 at most. Hundreds a second: statements are planned repeatedly.',
    type: 'counter',
    labels: ['pool'],
    read: ({ pools }) => Object.entries(pools).map(([pool, { evicted }]) => [evicted, pool]),
  },
  single(
    'gauge',
    'page_memory_bytes',
    'Bytes of the pages in memory, of all projections.',
    ({ pageMemory }) => pageMemory.held,
  ),
  single(
    'gauge',
    'page_memory_limit_bytes',
    'Limit of the bytes of all pages in memory.',
    ({ pageMemory }) => pageMemory.total,
  ),
  single(
    'gauge',
    'page_memory_waiting',
    'Projections that wait until pages of other projections release their memory.',
    ({ pageMemory }) => pageMemory.waiting,
  ),
  {
    name: 'projectionist_broker_state',
    help: 'State of the connection for pushes: 1 for the current state, 0 for the others. Absent without a broker.',
    type: 'gauge',
    labels: ['state'],
    read: ({ broker }) =>
      broker === null ? [] : BROKER_STATES.map((state) => [broker.state === state ? 1 : 0, state]),
  },
  {
    name: 'projectionist_publisher_state',
    help: 'State of the publisher: 1 for the current state, 0 for the others. Absent where it does not run.',
    type: 'gauge',
    labels: ['state'],
    read: ({ publisher }) =>
      publisher === null ? [] : PUBLISHER_STATES.map((state) => [publisher.state === state ? 1 : 0, state]),
  },
  single(
    'gauge',
    'publisher_position',
    'Every event up to this position was confirmed by the broker.',
    ({ publisher }) => (publisher === null ? null : Number(publisher.cursor)),
  ),
  single(
    'gauge',
    'publisher_lag_events',
    'Positions between the high-water mark and the last confirmed event. Absent while the store cannot be read.',
    ({ publisher }) => publisher?.lagEvents ?? null,
  ),
  single(
    'gauge',
    'publisher_unconfirmed',
    'Messages that were sent and are not confirmed yet.',
    ({ publisher }) => publisher?.unconfirmed ?? null,
  ),
];

/** A metric without labels. `read` returns null when the value is not known: there is no sample then. */
function single(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  read: (snapshot: Snapshot) => number | null,
): MetricDefinition {
  return { name: `projectionist_${name}`, help, type, labels: [], read: (snapshot) => known(read(snapshot)) };
}

function counts(byKey: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(byKey).map(([key, count]) => [count, key]);
}
