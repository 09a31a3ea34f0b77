import { type Figure, type Part, percentile, ratio } from './figures.ts';
import { floodBroker } from './flood.ts';
import { type Latencies, measureFloor } from './latency.ts';
import type { Scale } from './parts.ts';
import { band } from './projections.ts';
import { measureBarePush, measurePushes, type PushRound } from './push.ts';
import type { BenchServer } from './server.ts';
import { openStore } from './store.ts';
import { TARGETS } from './targets.ts';

/** Over all rounds. */
const EVENTS = 2000;

/** From commit to visible row through the broker alone, without NOTIFY. The heartbeat finds only events whose push was missed. */
export async function pushPart(server: BenchServer, { rounds, log }: Scale): Promise<Part> {
  const title = 'From commit to visible row, through RabbitMQ, 200 events/s';
  const url = await floodBroker();
  if (url === null) return { title, about: 'Not measured: no RabbitMQ answers (BENCH_AMQP_URL).', figures: [] };
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  const each = Math.ceil(EVENTS / rounds);
  await measureFloor(store, 200);
  await measureBarePush(url, 200);
  const [floors, bare, ours, relayed]: [Latencies[], Latencies[], PushRound[], PushRound[]] = [[], [], [], []];
  for (let round = 0; round < rounds; round += 1) {
    floors.push(await measureFloor(store, each));
    bare.push(await measureBarePush(url, each));
    ours.push(await measurePushes(store, url, each, 'application'));
    relayed.push(await measurePushes(store, url, each, 'daemon'));
    log(`push: round ${round + 1} of ${rounds}`);
  }
  const p50 = (label: string, all: readonly Latencies[]): Figure => ({
    label,
    unit: 'ms',
    rounds: all.map((one) => percentile(one, 0.5)),
  });
  const floor = p50('floor of `latency`, p50', floors);
  const passed = p50('a message through the broker, p50', bare);
  const pushed = p50('pushed by the application, p50', latencies(ours));
  const both = { ...floor, rounds: floor.rounds.map((ms, round) => ms + (passed.rounds[round] ?? Number.NaN)) };
  const missed = (label: string, all: readonly PushRound[]): Figure => ({
    label,
    unit: 'events',
    rounds: all.map((one) => one.missed),
  });
  return {
    title,
    about: `${each} appends a round at uneven distances of 5 ms on average, no NOTIFY. After the answer to its COMMIT the application publishes a message, or the daemon's publisher does, which hears of events by the heartbeat and by its own messages.`,
    figures: [
      floor,
      passed,
      pushed,
      missed('of those, found by the heartbeat', ours),
      p50('relayed by the daemon, p50', latencies(relayed)),
      missed('of those, found by the heartbeat', relayed),
      ratio('pushed / (floor + message), p50', pushed, both, TARGETS.pushP50),
    ],
  };
}

function latencies(rounds: readonly PushRound[]): readonly Latencies[] {
  return rounds.map((round) => round.latencies);
}
