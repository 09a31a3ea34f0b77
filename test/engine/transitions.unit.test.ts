import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { projectionMachine } from '../../machines/projection.ts';
import type { Transition } from '../../src/engine/daemon-port.ts';
import { type Log, silentLog } from '../../src/engine/log.ts';
import { watchTransitions } from '../../src/engine/transitions.ts';
import { type Answer, delivered, GatedHands, leafOf } from '../machines/projection-rig.ts';

function watched(
  announce: (change: Transition) => void,
  log: Log = silentLog,
  id = 'projection.band',
  clock = new SimulatedClock(),
) {
  const hands = new GatedHands();
  const actor = createActor(projectionMachine, {
    id,
    clock,
    inspect: watchTransitions(announce, log),
    input: { name: 'band', hands, retryFailedAfterMs: 1000, backoff: { baseMs: 200, capMs: 30_000 } },
  });
  actor.subscribe({ error: () => undefined });
  actor.start();
  return { actor, hands };
}

async function goLive({ actor, hands }: ReturnType<typeof watched>): Promise<void> {
  actor.send({ type: 'START' });
  for (const answer of ['open:running', 'pull:caught-up'] satisfies Answer[]) {
    await delivered();
    hands.running[0]?.settle(answer);
  }
  await delivered();
}

// Seen red with: `if (from === to) return` left out.
test('each change of state is announced once, with where it came from and why it waits', async () => {
  const changes: Transition[] = [];
  const band = watched((change) => changes.push(change));
  await goLive(band);
  band.actor.send({ type: 'WAKE' });
  band.actor.send({ type: 'WAKE' });
  band.hands.running[0]?.settle('rejected');
  await delivered();
  expect(changes.map(({ from, to }) => `${from} > ${to}`)).toEqual([
    'idle.stopped > idle.opening',
    'idle.opening > catching-up.working',
    'catching-up.working > live.waiting',
    'live.waiting > live.working',
    'live.working > live.backing-off',
  ]);
  expect(changes.at(-1)).toMatchObject({ name: 'band', detail: 'backing off: the database does not answer' });
});

test('actors that are no projections are not announced', async () => {
  const changes: Transition[] = [];
  await goLive(watched((change) => changes.push(change), silentLog, 'daemon'));
  expect(changes).toEqual([]);
});

// Seen red with: the log of the catch without a try of its own: XState's mailbox stays locked, and the actor never
// hears another event.
test('neither an observer nor a log that throws can wedge the actor', async () => {
  const broken = () => {
    throw new Error('broken');
  };
  const logs: Log[] = [silentLog, { debug: broken, info: broken, warn: broken, error: broken }];
  for (const log of logs) {
    const band = watched(broken, log);
    await goLive(band);
    expect(leafOf(band)).toBe('live.waiting');
    band.actor.send({ type: 'WAKE' });
    expect(leafOf(band)).toBe('live.working');
  }
});

test('failures are warnings, a projection that pulls and waits is no news', async () => {
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => lines.push(`${level} ${Reflect.get(fields, 'to')}`);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const band = watched(() => undefined, log);
  await goLive(band);
  band.actor.send({ type: 'WAKE' });
  band.hands.running[0]?.settle('pull:failed for good');
  await delivered();
  expect(lines).toEqual([
    'info idle.opening',
    'info catching-up.working',
    'info live.waiting',
    'debug live.working',
    'warn failed.halted',
  ]);
});

// Seen red with: newsFilter that lets everything pass.
test('a projection whose database is away says so once, however often it tries, and again when it is back', async () => {
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => lines.push(`${level} ${Reflect.get(fields, 'to')}`);
  const log: Log = { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') };
  const clock = new SimulatedClock();
  const band = watched(() => undefined, log, 'projection.band', clock);
  await goLive(band);
  lines.length = 0;
  band.actor.send({ type: 'WAKE' });
  for (let attempt = 0; attempt < 50; attempt++) {
    band.hands.running[0]?.settle('rejected');
    await delivered();
    clock.increment(30_000);
  }
  expect(leafOf(band)).toBe('live.working');
  expect(lines).toEqual(['info live.backing-off']);
  band.hands.running[0]?.settle('pull:caught-up');
  await delivered();
  expect(lines).toEqual(['info live.backing-off', 'info live.waiting']);
});
