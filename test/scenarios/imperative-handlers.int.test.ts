import { expect, test, vi } from 'vitest';
import { defineProjection, type HandlerContext, type StoredEvent } from '../../src/index.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { noted } from '../support/noted-ledger.ts';
import { gate, openScene, type Scene } from '../support/scene.ts';

interface Noted {
  readonly name: 'Noted';
  readonly payload: { readonly text: string };
}

type Handle = (event: StoredEvent<'Noted', Noted['payload']>, context: HandlerContext) => Promise<void>;

function imperative(handle: Handle) {
  return defineProjection<Noted>()({
    name: 'imperative',
    schema: 'CREATE TABLE IF NOT EXISTS imperative (text text PRIMARY KEY, replaying boolean)',
    tables: { imperative: { key: ['text'] } },
    on: { Noted: handle },
  });
}

const insert: Handle = async (event, { tx, replaying }) => {
  await tx`INSERT INTO imperative VALUES (${event.payload.text}, ${replaying})`;
};

async function rows(scene: Scene): Promise<readonly string[]> {
  return (await scene.sql<{ text: string }[]>`SELECT text FROM imperative ORDER BY text`).map(({ text }) => text);
}

async function untilHalted(scene: Scene): Promise<void> {
  await vi.waitFor(async () => expect((await scene.row('imperative')).status).toBe('halted'), {
    timeout: 20_000,
    interval: 10,
  });
}

// Seen red with: runEvents given the pool in place of the page's transaction.
test('the rows of an async handler commit together with the position, or not at all', async () => {
  await using scene = await openScene([imperative(insert)]);
  const [written, goOn] = [gate(), gate()];
  const appended = await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({
    failpoint: async (point) => {
      if (point !== 'cursor-moved') return;
      written.open();
      await goOn.passed;
    },
  });
  await written.passed;
  expect(await rows(scene)).toEqual([]);
  expect((await scene.row('imperative')).cursor).toBe(0n);
  goOn.open();
  await untilCaughtUp(daemon, scene.sql);
  expect(await rows(scene)).toEqual(['a1', 'a2', 'a3']);
  expect((await scene.row('imperative')).cursor).toBe(appended[2]?.position);
});

// Seen red with: the rejection dropped by settleImperative.
test('an async handler that throws halts; what it wrote for this event is gone, what came before stays', async () => {
  const projection = imperative(async (event, context) => {
    await insert(event, context);
    if (event.payload.text === 'a2') throw new Error('not a2');
  });
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ retries: 0 });
  await untilHalted(scene);
  expect(await rows(scene)).toEqual(['a1']);
  expect(await daemon.status()).toMatchObject([{ failure: { error: 'not a2', eventName: 'Noted' } }]);
});

// Seen red with: the look at the transaction's id taken out of settleImperative.
test('an async handler that swallows an SQL error halts with 25P02', async () => {
  const projection = imperative(async (event, context) => {
    await insert(event, context);
    if (event.payload.text === 'a2') await insert(event, context).catch(() => undefined);
  });
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ retries: 0 });
  await untilHalted(scene);
  expect(await rows(scene)).toEqual(['a1']);
  expect(await daemon.status()).toMatchObject([{ failure: { sqlstate: '25P02' } }]);
});

// Seen red with: the comparison of xid taken out of settleImperative; (throwing) left out after a rejection.
test.each<[string, Handle]>([
  [
    'ends the transaction',
    async (_event, { tx }) => {
      await tx`COMMIT`;
    },
  ],
  [
    'ends it and begins another',
    async (_event, { tx }) => {
      await tx`COMMIT`;
      await tx`BEGIN`;
    },
  ],
  [
    'takes it back',
    async (_event, { tx }) => {
      await tx`ROLLBACK`;
    },
  ],
  [
    'ends it and then throws',
    async (_event, { tx }) => {
      await tx`COMMIT`;
      throw new Error('too late');
    },
  ],
])('an async handler that %s is halted at once, with an alarm that says what may be damaged', async (_what, end) => {
  const projection = imperative(async (event, context) => {
    await insert(event, context);
    if (event.payload.text === 'a2') await end(event, context);
  });
  await using scene = await openScene([projection]);
  const appended = await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ retries: 5 });
  await untilHalted(scene);
  const alarm =
    `a handler of 'imperative' ended the page's transaction itself: what it committed up to position ` +
    `${appended[1]?.position} may stand twice; fix the handler, then RESET`;
  expect(await scene.row('imperative')).toMatchObject({ cursor: 0n, alarm });
  const status = await untilStatus(daemon, 'imperative', ({ state }) => state === 'failed');
  expect(status).toMatchObject({ detail: alarm, failure: { attempts: 1, position: String(appended[1]?.position) } });
});

// Seen red with: HANDLER_ENDED_TRANSACTION out of moveTo left to the machine's backoff.
test('a handler that ends the transaction behind its own back is halted too', async () => {
  let sent = 0;
  const projection = imperative((_event, { tx }) => {
    sent += 1;
    void Promise.resolve(tx`COMMIT`);
    return [] as never;
  });
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 1));
  await scene.start({ retries: 5 });
  await untilHalted(scene);
  expect(sent).toBe(1);
  expect(await scene.row('imperative')).toMatchObject({
    cursor: 0n,
    alarm: expect.stringContaining('may stand twice'),
  });
});

// Seen red with: `<` for `<=` in run-events.ts.
test('context.replaying is true for what was there at the start or the reset, false for what is appended later', async () => {
  await using scene = await openScene([imperative(insert)]);
  await scene.append(...noted('a', 1, 2));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  await scene.append(...noted('b', 1, 1));
  await untilCaughtUp(daemon, scene.sql);
  const read = () => scene.sql`SELECT text, replaying FROM imperative ORDER BY text`;
  expect(await read()).toEqual([
    { text: 'a1', replaying: true },
    { text: 'a2', replaying: true },
    { text: 'b1', replaying: false },
  ]);
  await daemon.send('imperative', 'RESET');
  await untilCaughtUp(daemon, scene.sql);
  await scene.append(...noted('c', 1, 1));
  await untilCaughtUp(daemon, scene.sql);
  expect(await read()).toEqual([
    { text: 'a1', replaying: true },
    { text: 'a2', replaying: true },
    { text: 'b1', replaying: true },
    { text: 'c1', replaying: false },
  ]);
});
