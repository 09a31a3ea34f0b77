import { startCaughtUp, timeCatchUp } from './catch-up.ts';
import { type Figure, type Part, ratio } from './figures.ts';
import { bandHistory, load } from './history.ts';
import { loadOf, openInspected } from './inspect.ts';
import { calm, interleave, rate, type Scale } from './parts.ts';
import { band } from './projections.ts';
import type { BenchServer } from './server.ts';
import { openStore } from './store.ts';
import { TARGETS } from './targets.ts';

const SEED = 1;
const PROJECTIONS = 1000;
const SECONDS = 4;
/** Two catch-ups of the same daemon differ by a fifth on two cores, and the measured effect is a twentieth. */
const ROUNDS_EACH = 4;
const EVENTS = 50_000;

/** The cost of inspection: the catch-up rate with a hub and a client, and a thousand projections that change state. */
export async function inspectPart(server: BenchServer, scale: Scale): Promise<Part> {
  const { log } = scale;
  const events = Math.min(scale.events, EVENTS);
  const rounds = scale.rounds * ROUNDS_EACH;
  await using inspected = await openInspected();
  const { address } = await server.createDatabase();
  await using store = await openStore(address, [band]);
  log(`inspect: loading ${events} events`);
  await load(store.sql, bandHistory({ seed: SEED, events }));
  await inspected.read();
  // Both run on one database, one after the other: the rates of two equal databases differ by more than the effect.
  const catchUp = async (options: Parameters<typeof startCaughtUp>[2] = {}): Promise<number> => {
    await using daemon = await startCaughtUp(address, [band], options);
    await calm(store);
    return rate(events, await timeCatchUp(daemon));
  };
  await catchUp();
  const [without, within] = await interleave(rounds, log, 'inspect', [
    () => catchUp(),
    async () => {
      const rateSeen = await catchUp({ inspect: inspected.observe });
      inspected.assertRead();
      return rateSeen;
    },
  ]);
  const [bare, kept, read] = await loads(rounds, log);
  const off: Figure = { label: 'catch-up, nobody looks', unit: 'events/s', rounds: without };
  const on: Figure = { label: 'catch-up, a hub and one client', unit: 'events/s', rounds: within };
  const above = (label: string, values: readonly number[]): Figure => ({
    label,
    unit: '% of a core',
    rounds: values.map((value, round) => value - (bare[round] ?? Number.NaN)),
    target: TARGETS.hubLoad,
  });
  return {
    title: 'Being looked at',
    about: `One history, caught up in turn by a daemon without and one with a hub that a client reads. Then ${PROJECTIONS} machines without a database, one transition a second each: CPU time of the process above that of the same machines with an observer that does nothing.`,
    figures: [
      off,
      on,
      ratio('with / without', on, off, TARGETS.inspected),
      { label: `${PROJECTIONS} machines, an observer that does nothing`, unit: '% of a core', rounds: bare },
      above('the hub, nobody reads', kept),
      above('the hub, one client reads', read),
    ],
  };
}

async function loads(rounds: number, log: Scale['log']) {
  await using kept = await openInspected();
  await using inspected = await openInspected();
  await inspected.read();
  return await interleave(rounds, log, 'inspect, load', [
    () => loadOf(PROJECTIONS, SECONDS, () => undefined),
    () => loadOf(PROJECTIONS, SECONDS, kept.observe),
    async () => {
      const load = await loadOf(PROJECTIONS, SECONDS, inspected.observe);
      inspected.assertRead();
      return load;
    },
  ]);
}
