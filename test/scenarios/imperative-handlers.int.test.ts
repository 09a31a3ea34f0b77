import { expect, test, vi } from 'vitest';
import { defineProjection, type HandlerContext, type StoredEvent } from '../../src/index.ts';
import type { Tx } from '../../src/postgres/pool.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { noted } from '../support/noted-ledger.ts';
import { runnerByHand } from '../support/page.ts';
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

// Seen red with: the rejection dropped by awaitImperative.
test('an async handler that throws halts; its writes for this event are undone, and earlier events stay applied', async () => {
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

// Seen red with: the check of the transaction's id taken out of awaitImperative.
test('an async handler that catches an SQL error halts with 25P02', async () => {
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

// Seen red with: check left out of guarded-transaction.ts (then the page's transaction is over).
test.each([
  ['H3', 'COMMIT'],
  ['H4', '/* to /* be */ sure */; -- now\n COMMIT AND CHAIN'],
  ['H5', 'ROLLBACK'],
  ['H3', "PREPARE TRANSACTION 'x'"],
  ['H3', 'SET search_path TO pg_catalog'],
])('%s: `%s` of a handler is not sent, its event fails, and nothing else changes', async (_row, text) => {
  const projection = imperative(async (event, context) => {
    await insert(event, context);
    if (event.payload.text === 'a2') await context.tx([text] as unknown as TemplateStringsArray);
  });
  await using scene = await openScene([projection]);
  const appended = await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ retries: 0 });
  await untilHalted(scene);
  expect(await rows(scene)).toEqual(['a1']);
  expect(await scene.row('imperative')).toMatchObject({ cursor: appended[0]?.position, alarm: null });
  const { failure } = await untilStatus(daemon, 'imperative', ({ state }) => state === 'failed');
  expect(failure?.error).toMatch(/^'.*' was not sent: /);
});

// Seen red with: check left out of guarded-transaction.ts.
test('H5: a handler may roll back to a savepoint of its own, and to no other', async () => {
  const projection = imperative(async (event, { tx }) => {
    const { text } = event.payload;
    await tx`SAVEPOINT mine`;
    await tx`INSERT INTO imperative VALUES (${text})`;
    await tx`INSERT INTO imperative VALUES (${text})`.then(undefined, () => undefined);
    await tx`ROLLBACK TO SAVEPOINT mine`;
    await tx`ROLLBACK TO mine`;
    await tx`RELEASE mine`;
    await tx`INSERT INTO imperative VALUES (${`${text} again`})`;
    if (text === 'a2') await tx`ROLLBACK TO projectionist_1`;
    if (text === 'a3') await tx`ROLLBACK TO mine`;
  });
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ onFailure: 'skip', maxFailureCount: 1 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await rows(scene)).toEqual(['a1 again']);
  expect(await scene.sql`SELECT error FROM projection_failures ORDER BY position`).toEqual([
    { error: "'ROLLBACK TO projectionist_1' was not sent: savepoints that begin with projectionist_ are the engine’s" },
    { error: "'ROLLBACK TO mine' was not sent: the handler has made no such savepoint" },
  ]);
});

test.each<[string, Handle]>([
  [
    'sends it and goes on',
    async (_event, { tx }) => {
      void tx`SELECT pg_sleep(0.05)`.then(undefined, () => undefined);
    },
  ],
  [
    'never sends it',
    async (_event, { tx }) => {
      void tx`DELETE FROM imperative`;
    },
  ],
  [
    'returns statements',
    ((_event: unknown, { tx }: HandlerContext) => {
      void tx`DELETE FROM imperative`;
      return [];
    }) as never,
  ],
])(
  'H6: a handler that does not await a statement (%s) fails its event, and the statement is named',
  async (_what, handle) => {
    const mixed: Handle = (event, context) => (event.payload.text === 'a2' ? handle : insert)(event, context);
    await using scene = await openScene([imperative(mixed)]);
    await scene.append(...noted('a', 1, 3));
    const daemon = await scene.start({ retries: 0 });
    await untilHalted(scene);
    expect(await rows(scene)).toEqual(['a1']);
    const { failure } = await untilStatus(daemon, 'imperative', ({ state }) => state === 'failed');
    expect(failure?.error).toMatch(
      /^the handler ended before its statement '(SELECT pg_sleep|DELETE FROM).*' was answered/,
    );
  },
);

// Seen red with: `revoked` left out of send in guarded-transaction.ts (the late statement runs in the next page).
test('H6, H7: a handler that keeps its transaction and uses it later is refused, and no statement of it reaches the database', async () => {
  const kept: HandlerContext['tx'][] = [];
  const projection = imperative(async (event, context) => {
    await insert(event, context);
    const [earlier] = kept;
    kept.push(context.tx);
    if (earlier === undefined) return;
    const late = earlier`INSERT INTO imperative VALUES ('late')`;
    await expect(Promise.resolve(late)).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
  });
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await rows(scene)).toEqual(['a1', 'a2', 'a3']);
  expect(kept).toHaveLength(3);
});

// Seen red with: the comparison of xid taken out of await-handler.ts (the failure is recorded for the first event).
test.each(['in a handler that runs SQL', 'behind a handler that returns statements'])(
  'H4: a transaction that a handler ended (%s) is detected by its id: the projection halts immediately, with an alarm',
  async (where) => {
    const held: Tx[] = [];
    const projection = imperative(
      where.startsWith('in')
        ? async (event, context) => {
            await insert(event, context);
            if (event.payload.text === 'a1') return;
            await held.at(-1)?.unsafe('COMMIT');
            await held.at(-1)?.unsafe('BEGIN');
          }
        : ((() => {
            void held.at(-1)?.unsafe('COMMIT').execute();
            return [];
          }) as never),
    );
    await using scene = await openScene([projection]);
    const appended = await scene.append(...noted('a', 1, 2));
    const begin = (options: string, work: (tx: Tx) => Promise<unknown>) =>
      scene.sql.begin(options, async (tx) => {
        held.push(tx);
        return await work(tx);
      });
    const sql = new Proxy(scene.sql, {
      get: (target, key) => (key === 'begin' && held.length === 0 ? begin : Reflect.get(target, key)),
    });
    const { run, headIs } = runnerByHand(sql, projection);
    headIs(appended[1]?.position ?? 0n);
    // When only the check at the end of the page finds it, the failure is recorded for the first event of the page.
    const { position } = (where.startsWith('in') ? appended[1] : appended[0]) ?? {};
    expect(await run()).toMatchObject({ kind: 'failed', halted: true, event: { position } });
    const alarm =
      `a handler of 'imperative' ended the page's transaction itself: what it committed up to position ` +
      `${appended[1]?.position} may be applied twice; fix the handler, then RESET`;
    expect(await scene.row('imperative')).toMatchObject({ cursor: 0n, status: 'halted', alarm });
  },
);

// Seen red with: `<` for `<=` in apply-in-order.ts.
test('context.replaying is true for events that existed at the start or the reset, and false for later ones', async () => {
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
