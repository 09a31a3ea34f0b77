import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { projectionMachine } from '../../machines/projection.ts';
import { silentLog } from '../../src/core/log.ts';
import { watchTransitions } from '../../src/daemon/transition-observer.ts';
import { delivered } from '../machines/projection-rig.ts';

const MINUTE = 60_000;
/** The delays of the daemon. */
const BACKOFF = { baseMs: 200, capMs: 30_000 };
const away = () => Promise.reject(new Error('connect ECONNREFUSED'));

/** A projection whose database is unavailable from the start, the lines that it logs, and the times of its attempts on a simulated clock. */
function projectionWithoutDatabase(random: number) {
  const clock = new SimulatedClock();
  const tries: number[] = [];
  const lines: string[] = [];
  const attempt = () => {
    tries.push(clock.now());
    return away();
  };
  const line = (_: object, message: string) => void lines.push(message);
  const actor = createActor(projectionMachine, {
    id: 'projection.band',
    clock,
    inspect: watchTransitions(() => undefined, { ...silentLog, info: line, warn: line, error: line }),
    input: {
      name: 'band',
      operations: { open: attempt, run: attempt, reset: away, setPaused: away, skip: away },
      retryFailedAfterMs: 1000,
      backoff: BACKOFF,
      random: () => random,
    },
  });
  actor.start();
  actor.send({ type: 'START' });
  const pass = async (ms: number) => {
    for (const end = clock.now() + ms; clock.now() < end; ) {
      clock.increment(50);
      await delivered();
    }
  };
  return { actor, tries, lines, pass };
}

// Seen red with: `backoffs + 1` left out of noteError (a try every 450 ms); newsFilter that lets everything pass.
test.each([
  { jitter: 0.5, least: 30, most: 60 },
  { jitter: 0.999, least: 20, most: 40 },
])(
  'B9: in ten minutes without a database (jitter $jitter) a projection tries ever less often, and logs one wait',
  async ({ jitter, least, most }) => {
    const { actor, tries, lines, pass } = projectionWithoutDatabase(jitter);
    await pass(10 * MINUTE);
    expect(tries.length).toBeGreaterThan(least);
    expect(tries.length).toBeLessThan(most);
    const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(BACKOFF.capMs + 350);
    expect(tries.filter((at) => at > 9 * MINUTE).length).toBeLessThanOrEqual(5);
    expect(lines.length).toBeLessThanOrEqual(3);
    actor.stop();
  },
);

// Seen red with: noteError that keeps every message in the context.
test('B9: an hour without a database takes no more memory than a minute', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { actor, pass } = projectionWithoutDatabase(0.01);
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  await pass(MINUTE);
  const [before, size] = [heap(), sizeOf(actor.getSnapshot().context)];
  await pass(59 * MINUTE);
  expect(heap() - before).toBeLessThan(5_000_000);
  expect(sizeOf(actor.getSnapshot().context)).toBeLessThan(size + 20);
  actor.stop();
});

function sizeOf(context: object): number {
  return JSON.stringify(context).length;
}
