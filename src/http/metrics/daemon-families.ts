import { BROKER_STATES } from '../../core/broker.ts';
import { PUBLISHER_STATES } from '../../core/publisher.ts';
import type { DaemonMetrics } from '../../daemon/metrics.ts';
import type { Family, Sample } from './family.ts';

/** What the daemon as a whole is at. docs/metrics.md lists them; a test compares. */
export const DAEMON_FAMILIES: readonly Family[] = [
  one(
    'gauge',
    'database_up',
    'Whether the database answered the last look at it; 0: the circuit is open.',
    ({ databaseUp }) => +databaseUp,
  ),
  one(
    'gauge',
    'store_problem',
    '1 while the event store is not as it has to be; status says what it is.',
    ({ storeWrong }) => +storeWrong,
  ),
  one('gauge', 'head_position', 'The safe head: nothing can appear any more at or below it.', ({ head }) =>
    head === null ? null : Number(head),
  ),
  one('gauge', 'head_holders', 'Open transactions with appends, which hold the head.', ({ holders }) => holders.length),
  one('gauge', 'head_held_seconds', 'Age of the oldest of them.', ({ holders }) =>
    Math.max(0, ...holders.map(({ seconds }) => seconds ?? 0)),
  ),
  {
    name: 'projectionist_wakes_total',
    help: 'Looks at the store that found something, by what began them; every scheduled one counts.',
    type: 'counter',
    labels: ['source'],
    read: ({ hints }) => counts(hints.wakeups),
  },
  // Their names are no labels: they are what appenders write, and no projection declares them. Status has them.
  one(
    'counter',
    'unhandled_events_total',
    'Events that no projection handles, as the polls have seen them since the start; status lists their types.',
    ({ unhandled }) => unhandled.reduce((sum, { events }) => sum + events, 0),
  ),
  one(
    'counter',
    'positions_announced_total',
    'Positions that NOTIFY or a push had announced when they were found.',
    ({ hints }) => hints.announced,
  ),
  one(
    'counter',
    'positions_missed_total',
    'Positions that the heartbeat found, with no hint before it.',
    ({ hints }) => hints.missed,
  ),
  {
    name: 'projectionist_pushes_total',
    help: 'Messages of the broker, by what they were worth.',
    type: 'counter',
    labels: ['kind'],
    read: ({ hints }) => counts(hints.pushes),
  },
  {
    name: 'projectionist_control_messages_total',
    help: 'Messages of the control queue, by how they ended.',
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
    help: 'Connections to PostgreSQL, by what the pool is for and whether one is in use.',
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
    help: 'Who waits for a connection of the pool.',
    type: 'gauge',
    labels: ['pool'],
    read: ({ pools }) => Object.entries(pools).map(([pool, { waiting }]) => [waiting, pool]),
  },
  {
    name: 'projectionist_pool_plans_evicted_total',
    help: 'Prepared statements that made room for others on their session.',
    type: 'counter',
    labels: ['pool'],
    read: ({ pools }) => Object.entries(pools).map(([pool, { evicted }]) => [evicted, pool]),
  },
  one(
    'gauge',
    'page_memory_bytes',
    'Bytes of the pages in memory, of all projections.',
    ({ pageMemory }) => pageMemory.held,
  ),
  one('gauge', 'page_memory_limit_bytes', 'Bytes that they may have together.', ({ pageMemory }) => pageMemory.total),
  one(
    'gauge',
    'page_memory_waiting',
    'Projections that wait until the pages of others are done with.',
    ({ pageMemory }) => pageMemory.waiting,
  ),
  {
    name: 'projectionist_broker_state',
    help: 'How pushes come in: 1 for the present state, 0 for the others. Not there without a broker.',
    type: 'gauge',
    labels: ['state'],
    read: ({ broker }) =>
      broker === null ? [] : BROKER_STATES.map((state) => [broker.state === state ? 1 : 0, state]),
  },
  {
    name: 'projectionist_publisher_state',
    help: 'What the publisher does: 1 for the present state, 0 for the others. Not there where it does not run.',
    type: 'gauge',
    labels: ['state'],
    read: ({ publisher }) =>
      publisher === null ? [] : PUBLISHER_STATES.map((state) => [publisher.state === state ? 1 : 0, state]),
  },
  one('gauge', 'publisher_position', 'Everything up to here was confirmed by the broker.', ({ publisher }) =>
    publisher === null ? null : Number(publisher.cursor),
  ),
  one(
    'gauge',
    'publisher_lag_events',
    'Positions between the safe head and what was confirmed.',
    ({ publisher }) => publisher?.lagEvents ?? null,
  ),
  one(
    'gauge',
    'publisher_unconfirmed',
    'Messages that were sent and are not confirmed yet.',
    ({ publisher }) => publisher?.unconfirmed ?? null,
  ),
];

/** Which program this is; always 1. */
export function infoFamily(version: string): Family {
  return {
    name: 'projectionist_info',
    help: 'Version of the program and id of the daemon; always 1.',
    type: 'gauge',
    labels: ['version', 'daemon'],
    read: ({ daemon }) => [[1, version, daemon]],
  };
}

/** A number without labels; null where there is nothing to count. */
function one(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  read: (metrics: DaemonMetrics) => number | null,
): Family {
  const samples = (value: number | null): readonly Sample[] => (value === null ? [] : [[value]]);
  return { name: `projectionist_${name}`, help, type, labels: [], read: (metrics) => samples(read(metrics)) };
}

function counts(byKey: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(byKey).map(([key, count]) => [count, key]);
}
