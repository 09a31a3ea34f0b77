import { generateHistory } from '../examples/dancefinder/history.ts';
import { readRawPage } from '../src/event-store/read.ts';
import type { Projection } from '../src/index.ts';
import { type Message, toMessage } from '../src/publisher/message.ts';
import { measureAppends } from './append-rate.ts';
import { startCaughtUp, timeCatchUp } from './catch-up.ts';
import { assertEqualRows } from './equal-rows.ts';
import { type Figure, type Part, percentile, ratio } from './figures.ts';
import { type Flood, floodBroker, measureFlood } from './flood.ts';
import { bandHistory, load } from './history.ts';
import { measureIdle } from './idle.ts';
import { measureIdleTraffic } from './idle-traffic.ts';
import { type Latencies, measureEngine, measureFloor } from './latency.ts';
import { band, projections } from './projections.ts';
import { openBroker, timeBareLoop, timePublisher } from './publish.ts';
import { BAND_SQL, DANCEFINDER_SQL, readFirst, timeLoop, timeSql } from './references.ts';
import type { BenchServer } from './server.ts';
import { openStore, type Store } from './store.ts';
import { TARGETS } from './targets.ts';

const SEED = 1;
const APPEND_SECONDS = 4;
const IDLE_SECONDS = 10;
const PUBLISHED = 100_000;
/** Ten seconds of 200 a second, over all rounds. */
const LATENCY_EVENTS = 2000;

const FLOOD_PUSHES = 200_000;

export interface Scale {
  readonly events: number;
  readonly rounds: number;
  /** Prints the progress. */
  readonly log: (line: string) => void;
}

/** A history of BandCreated into one table: the daemon compared with plain SQL and with hand-written loops. */
export async function bandPart(server: BenchServer, { events, rounds, log }: Scale): Promise<Part> {
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  log(`band: loading ${events} events`);
  await load(store.sql, bandHistory({ seed: SEED, events }));
  const few = await readFirst(store.sql, Math.min(events, 5000));
  const many = await readFirst(store.sql, Math.min(events, 20_000));
  await using daemon = await startCaughtUp(address, [band]);
  const rows = await compare(store, [band], BAND_SQL);
  log(`band: ${rows} rows, equal to the reference's`);

  const [sql, ones, batches, ours] = await interleave(rounds, log, 'band', [
    async () => rate(events, await timeSql(await calm(store), BAND_SQL)),
    async () => rate(few.length, await timeLoop(await calm(store), few, 1)),
    async () => rate(many.length, await timeLoop(await calm(store), many, 500)),
    async () => {
      await calm(store);
      return rate(events, await timeCatchUp(daemon));
    },
  ]);
  await compare(store, [band], BAND_SQL);
  const figures: readonly Figure[] = [
    { label: 'plain SQL, one statement', unit: 'events/s', rounds: sql },
    { label: `one event per transaction (first ${few.length})`, unit: 'events/s', rounds: ones },
    { label: `500 per transaction, awaited (first ${many.length})`, unit: 'events/s', rounds: batches },
    { label: 'projection, from RESET until live', unit: 'events/s', rounds: ours },
  ];
  const [bySql, byOne, byBatch, projection] = figures as readonly [Figure, Figure, Figure, Figure];
  return {
    title: `Catch-up of \`band\`, ${events} events`,
    about: `BandCreated only, with reused names and renamed bands; ${rows} rows remain. The rows were compared before and after the rounds.`,
    figures: [
      ...figures,
      ratio('projection / plain SQL', projection, bySql, TARGETS.bandAgainstSql),
      ratio('projection / one per transaction', projection, byOne, TARGETS.bandAgainstOneByOne),
      ratio('projection / 500 per transaction', projection, byBatch),
    ],
  };
}

/** A mixed history into all nine tables: four concurrent projections compared with four SQL files in one transaction. */
export async function dancefinderPart(server: BenchServer, { events, rounds, log }: Scale): Promise<Part> {
  const { address } = await server.createDatabase();
  await using store = await openStore(address, projections);
  log(`dancefinder: loading ${events} events`);
  await load(store.sql, generateHistory({ seed: SEED, events }));
  await using daemon = await startCaughtUp(address, projections);
  const rows = await compare(store, projections, DANCEFINDER_SQL);
  log(`dancefinder: ${rows} rows, equal to the reference's`);
  const [sql, ours] = await interleave(rounds, log, 'dancefinder', [
    async () => rate(events, await timeSql(await calm(store), DANCEFINDER_SQL)),
    async () => {
      await calm(store);
      return rate(events, await timeCatchUp(daemon));
    },
  ]);
  await compare(store, projections, DANCEFINDER_SQL);
  const reference: Figure = { label: 'plain SQL, one transaction', unit: 'events/s', rounds: sql };
  const projected: Figure = { label: 'four projections, from RESET until all live', unit: 'events/s', rounds: ours };
  return {
    title: `Catch-up of DanceFinder's four projections, ${events} events`,
    about: `All event types mixed; ${rows} rows remain in nine tables. Events of the history per second, each counted once. The rows were compared before and after the rounds.`,
    figures: [reference, projected, ratio('projections / plain SQL', projected, reference, TARGETS.fourAgainstSql)],
  };
}

export async function latencyPart(server: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  const each = Math.ceil(LATENCY_EVENTS / rounds);
  await measureFloor(store, 200);
  const floors: Latencies[] = [];
  const ours: Latencies[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floors.push(await measureFloor(store, each));
    ours.push(await measureEngine(store, each));
    log(`latency: round ${round + 1} of ${rounds}`);
  }
  const at = (label: string, all: readonly Latencies[], share: number): Figure => ({
    label,
    unit: 'ms',
    rounds: all.map((one) => percentile(one, share)),
  });
  const [floor50, ours50] = [at('floor, p50', floors, 0.5), at('projection, p50', ours, 0.5)];
  const [floor99, ours99] = [at('floor, p99', floors, 0.99), at('projection, p99', ours, 0.99)];
  return {
    title: 'From commit to visible row, 200 events/s',
    about: `${each} appends a round at uneven distances of 5 ms on average. The floor is LISTEN/NOTIFY, one select, one upsert with its commit, on the same driver.`,
    figures: [
      floor50,
      ours50,
      floor99,
      ours99,
      ratio('projection / floor, p50', ours50, floor50, TARGETS.latencyP50),
      ratio('projection / floor, p99', ours99, floor99, TARGETS.latencyP99),
    ],
  };
}

export async function appendPart(server: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  await measureAppends(store, false, 1);
  const [off, on] = await interleave(rounds, log, 'append', [
    () => measureAppends(store, false, APPEND_SECONDS),
    () => measureAppends(store, true, APPEND_SECONDS),
  ]);
  const without: Figure = { label: 'triggers off', unit: 'appends/s', rounds: off };
  const announced: Figure = { label: 'announcing and notifying', unit: 'appends/s', rounds: on };
  return {
    title: 'Appending, 8 writers of one row each',
    about: `${APPEND_SECONDS} s each; one connection listens.`,
    figures: [without, announced, ratio('announcing and notifying / off', announced, without, TARGETS.appendRate)],
  };
}

export async function idlePart(server: BenchServer, { log }: Scale): Promise<Part> {
  const database = await server.createDatabase();
  await using store = await openStore(database.address, projections);
  await load(store.sql, generateHistory({ seed: SEED, events: 2000 }));
  log(`idle: watching a daemon of its own process for ${IDLE_SECONDS} s`);
  const { queriesPerSecond, megabytes } = await measureIdle(server.admin, database, IDLE_SECONDS);
  return {
    title: 'Idle, 4 projections',
    about: `Transactions that PostgreSQL counted in ${IDLE_SECONDS} s, everything applied; resident memory of the daemon's process.`,
    figures: [
      { label: 'queries', unit: 'queries/s', rounds: [queriesPerSecond], target: TARGETS.idleQueries },
      { label: 'resident memory', unit: 'MB', rounds: [megabytes], target: TARGETS.idleMemory },
    ],
  };
}

/** Pushes of RabbitMQ, as many as a broken publisher could send; nothing is measured where there is no RabbitMQ. */
export async function floodPart(server: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const url = await floodBroker();
  const title = `A flood of ${FLOOD_PUSHES} pushes`;
  if (url === null) return { title, about: 'Not measured: no RabbitMQ answers (BENCH_AMQP_URL).', figures: [] };
  const { address } = await server.createDatabase();
  await using _store = await openStore(address, [band]);
  const floods: Flood[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floods.push(await measureFlood(address, url, FLOOD_PUSHES));
    log(`flood: round ${round + 1} of ${rounds}`);
  }
  const quiet: Figure = { label: 'event-loop delay, quiet, p99', unit: 'ms', rounds: floods.map((one) => one.quiet) };
  const elsewhere: Figure = {
    label: 'while the flood goes to a queue of nobody, p99',
    unit: 'ms',
    rounds: floods.map((one) => one.elsewhere),
  };
  const flooded: Figure = { label: 'in the flood, p99', unit: 'ms', rounds: floods.map((one) => one.flooded) };
  return {
    title,
    about:
      'Published by another process as fast as the broker confirms them; the queue keeps the last 1000 and drops the others.',
    figures: [
      quiet,
      elsewhere,
      flooded,
      { label: 'received', unit: 'events/s', rounds: floods.map(({ received }) => received) },
      { label: 'resident memory, more than before', unit: 'MB', rounds: floods.map(({ megabytes }) => megabytes) },
      ratio('flood / quiet, p99', flooded, quiet, TARGETS.floodDelay),
      ratio('flood / flood of nobody, p99', flooded, elsewhere),
    ],
  };
}

export async function idleTrafficPart(server: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const { address } = await server.createDatabase();
  await using store = await openStore(address, []);
  log(`idle-traffic: 1000 projections, ${rounds} times ${IDLE_SECONDS} s`);
  const { daemon, server: sessions } = await measureIdleTraffic(store, rounds * IDLE_SECONDS);
  return {
    title: '1000 projections, 20 appends/s that none handles',
    about: `CPU time over ${rounds * IDLE_SECONDS} s, in per cent of a core; that of the server is its sessions' for the daemon.`,
    figures: [
      { label: 'CPU of the daemon', unit: '% of a core', rounds: [daemon * 100], target: TARGETS.idleTraffic },
      ...(sessions === null
        ? []
        : [{ label: 'CPU of its sessions', unit: '% of a core', rounds: [sessions * 100] } satisfies Figure]),
    ],
  };
}

/** The rate of a bare loop with prepared messages, compared with the publisher, which reads, encodes and tracks them. */
export async function publishPart(server: BenchServer, { events, rounds, log }: Scale): Promise<Part> {
  const count = Math.min(events, PUBLISHED);
  const title = `Publishing ${count} events to RabbitMQ`;
  const url = await floodBroker();
  if (url === null) return { title, about: 'Not measured: no RabbitMQ answers (BENCH_AMQP_URL).', figures: [] };
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  await load(store.sql, bandHistory({ seed: SEED, events: count }));
  await using broker = await openBroker(url);
  const page = await readRawPage(store.sql, {
    after: 0n,
    head: 2n ** 62n,
    names: null,
    limit: count,
    maxBytes: 2 ** 30,
  });
  const messages = page.events.map((event) => toMessage(event, event.position - 1n)).filter(isMessage);
  await timePublisher(broker, address, store.sql);
  const [bare, ours] = await interleave(rounds, log, 'publish', [
    async () => rate(count, await timeBareLoop(broker, messages)),
    async () => rate(count, await timePublisher(broker, address, store.sql)),
  ]);
  const loop: Figure = { label: 'bare loop, 4000 in flight, messages ready', unit: 'events/s', rounds: bare };
  const published: Figure = { label: 'publisher, connecting included', unit: 'events/s', rounds: ours };
  return {
    title,
    about: 'Persistent messages into one durable queue, each confirmed. The same driver, the same messages.',
    figures: [loop, published, ratio('publisher / bare loop', published, loop, TARGETS.publish)],
  };
}

/** Runs the reference on its own tables and compares all rows. */
async function compare(store: Store, of: readonly Projection[], files: readonly string[]): Promise<number> {
  await timeSql(store.reference, files);
  return await assertEqualRows(store.sql, of);
}

/** Writes the dirty pages of earlier rounds, so that they are not written during the next one. */
export async function calm({ reference }: Store): Promise<Store['reference']> {
  await reference`CHECKPOINT`;
  return reference;
}

/** Each round measures every side once, so that other load affects all of them. @returns the values of each side, by round */
export async function interleave<const Sides extends readonly (() => Promise<number>)[]>(
  rounds: number,
  log: Scale['log'],
  name: string,
  sides: Sides,
): Promise<{ readonly [Side in keyof Sides]: readonly number[] }> {
  const values: number[][] = sides.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [side, measure] of sides.entries()) values[side]?.push(await measure());
    log(`${name}: round ${round + 1} of ${rounds}: ${values.map((one) => Math.round(one.at(-1) ?? 0)).join(', ')}`);
  }
  return values as { readonly [Side in keyof Sides]: readonly number[] };
}

export function rate(events: number, ms: number): number {
  return (events / ms) * 1000;
}

function isMessage(message: Message | string): message is Message {
  return typeof message !== 'string';
}
