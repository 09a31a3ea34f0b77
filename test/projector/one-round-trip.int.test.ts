import { expect, test, vi } from 'vitest';
import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { readPage } from '../../src/event-store/read.ts';
import {
  create,
  defineProjection,
  type EventShape,
  type HandlerContext,
  lookup,
  type Statement,
  type StoredEvent,
  type Transaction,
} from '../../src/index.ts';
import { applyInOneRoundTrip } from '../../src/projector/apply-in-one-round-trip.ts';
import { applyPage } from '../../src/projector/apply-page.ts';
import { HandlerAnswers } from '../../src/projector/handler-answers.ts';
import { returnedStatements } from '../../src/projector/statement-returning.ts';
import { EMPTY_CATALOG, readCatalog } from '../../src/read-model/catalog.ts';
import { untilCaughtUp } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { pageSettings } from '../support/page.ts';
import { openScene, type Scene } from '../support/scene.ts';

/** A store with three events, and their page for a ledger, which is applied in one round trip. */
async function openPage({ throws = false, pageTimeoutMs = HALT_AT_ONCE.pageTimeoutMs } = {}) {
  const { projection } = createLedger({
    handle: (event, row) => {
      if (throws && event.payload.text === 'a2') throw new Error('not a2');
      return row;
    },
  });
  for (const handler of projection.handlers.values()) returnedStatements(handler);
  const scene = await openScene([projection]);
  const appended = await scene.append(...noted('a', 1, 3));
  const head = appended[2]?.position ?? 0n;
  const page = await readPage(scene.sql, { after: 0n, head, names: ['Noted'], limit: 100, maxBytes: 1_000_000 });
  const catalog = await readCatalog(scene.sql, [...projection.tables.keys()]);
  const work = { projection, page, cursor: 0n, generation: 0n, replayUntil: 0n, attempt: false, catalog };
  const settings = pageSettings(scene.sql, projection, { policy: { ...HALT_AT_ONCE, pageTimeoutMs } });
  return {
    scene,
    head,
    apply: (more: Partial<typeof work> = {}) =>
      applyInOneRoundTrip(settings, { ...work, ...more }, new HandlerAnswers(projection, 0n)),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

// Seen red with: COMMIT left out of what is sent.
test('a page in one round trip stores its rows, its cursor and its position in readviews', async () => {
  await using page = await openPage();
  const { scene, head } = page;
  expect(await page.apply()).toEqual({ kind: 'applied', cursor: head, mode: 'at_once' });
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
  expect(await scene.row('ledger')).toMatchObject({ cursor: head, generation: 0n, status: 'running' });
  const [{ same }] = await scene.sql<[{ same: boolean }]>`
    SELECT (SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM ledger UNION ALL SELECT xmin FROM projection_state
      WHERE name = 'ledger' UNION ALL SELECT xmin FROM readviews WHERE name = 'ledger') AS rows) = 1
      AND (SELECT position FROM readviews WHERE name = 'ledger') = (SELECT max(tstamp) FROM events) AS same`;
  expect(same).toBe(true);
});

const AGAINST_IT: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'the row has moved on': ({ sql }) => sql`UPDATE projection_state SET cursor = 1`,
  'the projection was reset': ({ sql }) => sql`UPDATE projection_state SET generation = generation + 1`,
  'it is paused': ({ sql }) => sql`UPDATE projection_state SET status = 'paused'`,
  'it is halted': ({ sql }) => sql`UPDATE projection_state SET status = 'halted'`,
  'a failure is on record': ({ sql }) => sql`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error)
    SELECT 'ledger', position, id, name, 1, 'once' FROM events LIMIT 1`,
  'an event of it was taken back': ({ sql }) => sql`UPDATE events SET id = gen_random_uuid() WHERE position = 2`,
  'its row is missing': ({ sql }) => sql`DELETE FROM projection_state`,
  'a row of its key exists': ({ sql }) =>
    sql`INSERT INTO ledger (position, text) SELECT max(position), 'there' FROM events`,
};

// Seen red with: cursor, generation, status, failures, marks (in turn) taken out of advanceOrFail; `count(*)` not divided by.
test.each(Object.entries(AGAINST_IT))(
  'when %s nothing happens, and it is to be gone through step by step',
  async (_, put) => {
    await using page = await openPage();
    const { scene } = page;
    await put(scene);
    const [ledger, rows] = [await readLedger(scene.sql), await scene.sql`SELECT *, xmin::text FROM projection_state`];
    expect(await page.apply()).toBeNull();
    expect(await readLedger(scene.sql)).toEqual(ledger);
    expect(await scene.sql`SELECT *, xmin::text FROM projection_state`).toEqual(rows);
  },
);

// Seen red with: `skipped_at IS NULL` left out of advanceOrFail (every page after a SKIP is applied step by step).
test('an event that was skipped does not prevent a page in one round trip', async () => {
  await using page = await openPage();
  await page.scene.sql`
    INSERT INTO projection_failures (name, position, event_id, event_name, attempts, error, skipped_at, skipped_by)
    SELECT 'ledger', 0, gen_random_uuid(), 'Noted', 1, 'once', now(), 'test'`;
  expect(await page.apply()).toMatchObject({ kind: 'applied', mode: 'at_once' });
});

// Seen red with: NOWAIT left out of holdRow.
test('it does not wait for a row that another transaction has locked', async () => {
  await using page = await openPage();
  const { scene } = page;
  await scene.sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'ledger' FOR UPDATE`;
    const waiting = () => scene.database.sql`
      SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    const waits = vi
      .waitUntil(async () => (await waiting()).length > 0)
      .then(
        () => 'it waits',
        () => 'it never waited',
      );
    expect(await Promise.race([page.apply(), waits])).toBeNull();
  });
  expect(await page.apply()).toMatchObject({ kind: 'applied' });
});

test('a page with a handler that throws, an attempt, and a table with deferred constraints are not applied in one round trip', async () => {
  await using page = await openPage({ throws: true });
  expect(await page.apply()).toBeNull();
  await using sound = await openPage();
  expect(await sound.apply({ attempt: true })).toBeNull();
  expect(await sound.apply({ catalog: { ...EMPTY_CATALOG, deferred: ['constraint'] } })).toBeNull();
  expect(await readLedger(sound.scene.sql)).toEqual([]);
});

// Seen red with: `return null` for a lost connection (the page is then repeated, although it may have been committed).
test('a lost connection rejects, since the outcome of the page is unknown', async () => {
  await using page = await openPage();
  const { sql } = page.scene;
  await sql.unsafe(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION slow()`);
  const lost = expect(page.apply()).rejects.toMatchObject({ code: '57P01' });
  const busy = () => sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'proj:test:ledger'`;
  await expect.poll(busy).toHaveLength(1);
  await lost;
  expect(await readLedger(sql)).toEqual([]);
});

// Seen red with: statementMs of an hour in limitPage.
test('a page that takes too long is rolled back', async () => {
  await using page = await openPage({ pageTimeoutMs: 500 });
  const { sql } = page.scene;
  await sql.unsafe(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION slow()`);
  expect(await page.apply({ catalog: await readCatalog(sql, ['ledger']) })).toBeNull();
  expect(await readLedger(sql)).toEqual([]);
});

/** Handlers by the text of their event, for pages that are not applied in one round trip. */
const NOT_FOR_IT: Readonly<Record<string, Readonly<Record<string, () => Statement>>>> = {
  'has a look-up': {
    a1: () => lookup('ledger', { select: 'text', where: { text: 'a0' }, onMissing: 'nothing' }, () => []),
  },
  'writes a table that is not declared': { a1: () => create('readviews', { name: 'a1', position: 1 }) },
};

// Seen red with: a look-up ignored; `projection.tables.has` left out.
test.each(Object.entries(NOT_FOR_IT))(
  'a handler that %s is nothing for it, and nothing has happened',
  async (_, on) => {
    const { projection } = createLedger({ handle: (event, row) => on[String(event.payload.text)]?.() ?? row });
    for (const handler of projection.handlers.values()) returnedStatements(handler);
    await using scene = await openScene([projection]);
    await scene.append(...noted('a', 1, 2));
    const before = await scene.row('ledger');
    const request = { after: 0n, head: 2n, names: ['Noted'], limit: 100, maxBytes: 1_000_000 };
    const page = await readPage(scene.sql, request);
    const catalog = await readCatalog(scene.sql, ['ledger']);
    const work = { projection, page, cursor: 0n, generation: 0n, replayUntil: 0n, attempt: false, catalog };
    const answers = new HandlerAnswers(projection, 0n);
    expect(await applyInOneRoundTrip(pageSettings(scene.sql, projection), work, answers)).toBeNull();
    expect(await scene.row('ledger')).toEqual(before);
    expect(await scene.sql`SELECT name FROM readviews`).toEqual([{ name: 'ledger' }]);
  },
);

// Seen red with: `returnsStatements` not called; `some` for `every`.
test('a handler that was never called is not called before the row is locked, nor are the other handlers of its page', async () => {
  const called: string[] = [];
  const on = (name: string) => () => {
    called.push(name);
    return [];
  };
  const projection = defineProjection<EventShape>()({
    name: 'ledger',
    schema: 'CREATE TABLE IF NOT EXISTS ledger (position bigint PRIMARY KEY)',
    tables: { ledger: { key: ['position'] } },
    on: { Known: on('Known'), Unknown: on('Unknown') },
  });
  const known = projection.handlers.get('Known');
  if (known !== undefined) returnedStatements(known);
  await using scene = await openScene([projection]);
  const event = { aggregateName: 'a', aggregateId: 'a', payload: {} };
  await scene.append({ ...event, sequenceNo: 1, name: 'Known' }, { ...event, sequenceNo: 2, name: 'Unknown' });
  const request = { after: 0n, head: 2n, names: ['Known', 'Unknown'], limit: 100, maxBytes: 1_000_000 };
  const page = await readPage(scene.sql, request);
  const catalog = await readCatalog(scene.sql, ['ledger']);
  const work = { projection, page, cursor: 0n, generation: 0n, replayUntil: 0n, attempt: false, catalog };
  const settings = pageSettings(scene.sql, projection, { singleRoundTrip: true });
  await scene.sql`UPDATE projection_state SET status = 'paused'`;
  expect(await applyPage(settings, work)).toEqual({ kind: 'paused' });
  expect(called).toEqual([]);
  await scene.sql`UPDATE projection_state SET status = 'running'`;
  expect(await applyPage(settings, work)).toMatchObject({ kind: 'applied' });
  expect(called).toEqual(['Known', 'Unknown']);
});

// Seen red with: returnsStatements always true (each event is then handled twice).
test('a handler that returns a promise is called once for an event, like one that returns statements', async () => {
  const calls: Record<string, bigint[]> = { promised: [], returned: [] };
  const projectionOf = (name: string, handle: (event: StoredEvent, tx: Transaction) => unknown) =>
    defineProjection<EventShape>()({
      name,
      schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY)`,
      tables: { [name]: { key: ['position'] } },
      on: {
        Noted: ((event: StoredEvent, { tx }: HandlerContext) => {
          calls[name]?.push(event.position);
          return handle(event, tx);
        }) as never,
      },
    });
  await using scene = await openScene([
    projectionOf('promised', (event, tx) => tx`INSERT INTO promised VALUES (${event.position})`.then(() => undefined)),
    projectionOf('returned', (event) => create('returned', { position: event.position })),
  ]);
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  const positions: bigint[] = [];
  for (let n = 1; n <= 3; n += 1) {
    for (const { position } of await scene.append(...noted('a', n, 1))) positions.push(position);
    await untilCaughtUp(daemon, scene.sql);
  }
  expect(calls).toEqual({ promised: positions, returned: positions });
});
