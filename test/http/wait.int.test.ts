import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createControlApi } from '../../src/http/control-api.ts';
import type { Daemon } from '../../src/index.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { gate, openScene, type Scene } from '../support/scene.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const { projection } = createLedger();

let scene: Scene;
let daemon: Daemon;
let held: Promise<void> | null = null;

beforeAll(async () => {
  scene = await openScene([projection]);
  daemon = await scene.start({
    failpoint: async (point) => {
      if (point === 'rows-written') await held;
    },
  });
});
afterAll(() => scene[Symbol.asyncDispose]());

async function asking(of: Daemon) {
  const options = { daemon: of, token: 't', host: '127.0.0.1', port: 0, version: '1', log: LOG };
  const server = await createControlApi(options).listen();
  onTestFinished(() => server.close(0));
  return async (query: string) => {
    const answer = await fetch(`${server.url}/projections/ledger/wait?${query}`);
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
}

let streams = 0;
async function append(count: number): Promise<bigint> {
  streams += 1;
  const appended = await scene.append(...noted(`s${streams}`, 1, count));
  return appended.at(-1)?.position ?? 0n;
}

// Seen red with: the runner's hook taken out.
test('a client that has appended waits for the position, and then reads what it wrote', async () => {
  const ask = await asking(daemon);
  const began = performance.now();
  for (let round = 0; round < 20; round += 1) {
    const position = await append(2);
    expect(await ask(`position=${position}&timeout=10000`)).toEqual({
      status: 200,
      json: { name: 'ledger', position: String(position), applied: true, lagEvents: 0 },
    });
    expect(await readLedger(scene.sql)).toHaveLength(Number(position));
  }
  // With the look once a second alone it would be 20 s.
  expect(performance.now() - began).toBeLessThan(12_000);
});

test('a wait that began before its events is answered while they are applied, and times out with the lag', async () => {
  const ask = await asking(daemon);
  const goOn = gate();
  held = goOn.passed;
  const position = await append(3);
  const late = await ask(`position=${position}&timeout=50`);
  expect(late).toMatchObject({ status: 504, json: { code: 'NOT_APPLIED', lagEvents: 3 } });
  expect(late.json['detail']).toMatch(
    /^it did not come so far in time: 'ledger' was 3 positions before \d+ after 50 ms/,
  );
  const [one, head] = [ask(`position=${position}&timeout=10000`), ask('position=head&timeout=10000')];
  held = null;
  goOn.open();
  expect(await one).toMatchObject({ status: 200 });
  expect(await head).toMatchObject({ status: 200, json: { position: 'head' } });
  expect(await ask(`position=${position + 1n}&timeout=0`)).toMatchObject({ status: 504, json: { lagEvents: 1 } });
});

// Seen red with: Head.safe = the position (the wait for head then never ends).
test('a position whose transaction rolled back is nothing to wait for', async () => {
  const ask = await asking(daemon);
  await append(1);
  await scene.sql
    .begin(async (tx) => {
      await tx`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload) VALUES ('a', 'gap', 1, 'Noted', '{}')`;
      throw new Error('rolled back');
    })
    .catch(() => undefined);
  expect(await ask('position=head&timeout=10000')).toMatchObject({ status: 200 });
});

test('a daemon that only stands by sees what another one applies', async () => {
  const goOn = gate();
  held = goOn.passed;
  const position = await append(1);
  const standby = await scene.start({ failpoint: () => new Promise(() => undefined) });
  const ask = await asking(standby);
  const wait = ask(`position=${position}&timeout=20000`);
  held = null;
  goOn.open();
  expect(await wait).toMatchObject({ status: 200 });
  await standby.stop();
});

test('nonsense and an unknown name are refused; a stop ends the wait', async () => {
  const own = await scene.start();
  const ask = await asking(own);
  expect(await ask('position=soon')).toMatchObject({ status: 400, json: { code: 'QUERY_INVALID' } });
  expect(await ask('')).toMatchObject({ status: 400, json: { code: 'QUERY_INVALID' } });
  expect(await ask('position=9223372036854775808')).toMatchObject({ status: 400 });
  await expect(own.waitFor('nope', 1n, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'PROJECTION_UNKNOWN' });
  const wait = ask('position=9223372036854775807&timeout=60000');
  const refused = expect(wait).resolves.toMatchObject({ status: 503, json: { code: 'DAEMON_STOPPED' } });
  await own.waitFor('ledger', 'head', { timeoutMs: 10_000 });
  await own.stop();
  await refused;
});
