import { expect, test } from 'vitest';
import { readPage } from '../../src/event-store/read.ts';
import { connect } from '../../src/postgres/pool.ts';
import { applyPage } from '../../src/projector/apply-page.ts';
import type { FailpointHook } from '../../src/projector/failpoint.ts';
import { readCatalog } from '../../src/read-model/catalog.ts';
import { createTestDatabase } from '../support/database.ts';
import { startDaemon, untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { pageSettings, runnerByHand } from '../support/page.ts';
import { capturingLog, openScene, type Scene } from '../support/scene.ts';

/** A ledger whose handler throws at the events that `bad` names. */
function fragile(bad: RegExp) {
  return createLedger({
    handle: (event, row) => {
      if (bad.test(event.payload.text)) throw new Error(`cannot read ${event.payload.text}`);
      return row;
    },
  });
}

/** Expects that nothing was written for the projection, and that no attempt was counted. */
async function expectUntouched(scene: Scene, before: object, ledger: readonly string[]): Promise<void> {
  expect(await scene.row('ledger')).toEqual(before);
  expect(await readLedger(scene.sql)).toEqual(ledger);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
}

// Seen red with: the failing event taken into the prefix (`slice(0, part.index + 1)`).
test('41: when the handler throws at the first event nothing is applied, no later event is attempted, and the error is reported', async () => {
  const { projection, calls } = fragile(/^bad/);
  await using scene = await openScene([projection]);
  const [bad] = await scene.append(...noted('bad', 1, 1), ...noted('after', 1, 2));
  const daemon = await scene.start({ retries: 0 });
  const { failure } = await untilStatus(
    daemon,
    'ledger',
    ({ state, failure }) => state === 'failed' && failure?.attempts === 1,
  );
  expect(failure).toMatchObject({ position: String(bad?.position), error: 'cannot read bad1' });
  expect(await readLedger(scene.sql)).toEqual([]);
  expect(await scene.row('ledger')).toMatchObject({ cursor: 0n, last_event_id: null, status: 'halted' });
  expect(await scene.sql`SELECT position FROM readviews`).toEqual([{ position: 0n }]);
  expect([...new Set(calls)]).toEqual([bad?.position]);
});

// Seen red with: `attempts > maxAttempts` in failures.ts; the move of the cursor left out of a page with a failure.
test('42: the rest of a page is attempted 1 + retries times without the events before it, and then its error is reported', async () => {
  const { projection, calls } = fragile(/^bad/);
  await using scene = await openScene([projection]);
  const log = capturingLog();
  const [good] = await scene.append(...noted('good', 1, 1), ...noted('bad', 1, 1), ...noted('after', 1, 1));
  const daemon = await scene.start({ log, retries: 3, retryFailedAfterMs: 5 });
  const { failure } = await untilStatus(
    daemon,
    'ledger',
    ({ state, failure }) => state === 'failed' && failure?.attempts === 4,
  );
  expect(failure?.error).toBe('cannot read bad1');
  expect(await readLedger(scene.sql)).toEqual(['good1']);
  const attempts = log.lines.filter(({ message }) => message === 'an event could not be applied');
  expect(attempts.map(({ fields }) => [fields['attempts'], fields['halted']])).toEqual([
    [1, false],
    [2, false],
    [3, false],
    [4, true],
  ]);
  // The handler's answer is kept after the rollback, and the next attempt at the page commits it.
  expect(calls.filter((position) => position === good?.position)).toHaveLength(1);
});

// Seen red with: isTransient without 40001 (it halts with a failure of the event).
test('43: any other error of the database ends the page immediately, is no failure of an event, and is retried after a wait', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  await scene.sql.unsafe(`
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END $$;
    CREATE TRIGGER conflict BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION conflict();`);
  let [pages, waits] = [0, 0];
  const failpoint: FailpointHook = (point) => {
    if (point === 'locked') pages += 1;
  };
  const daemon = await scene.start({ retries: 0, failpoint });
  // The start itself is recorded there too.
  const before = await scene.row('ledger');
  const waited = new Promise<void>((resolve) => {
    daemon.onTransition(({ to }) => {
      if (to === 'catching-up.backing-off') waits += 1;
      if (waits === 2) resolve();
    });
  });
  await waited;
  expect(pages).toBe(waits);
  await untilStatus(daemon, 'ledger', ({ detail }) => /^backing off since \S+: try again$/.test(detail ?? ''));
  await expectUntouched(scene, before, []);
  await scene.sql.unsafe('DROP TRIGGER conflict ON ledger');
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
});

/** Each is done to a database in which two events have been applied and three more wait. */
const FAULTS = [
  {
    what: '44: when the position cannot be read',
    break: 'ALTER TABLE projection_state RENAME TO hidden',
    mend: 'ALTER TABLE hidden RENAME TO projection_state',
    code: '42P01',
  },
  {
    what: '44, 46: when the events cannot be fetched',
    break: 'ALTER TABLE events RENAME COLUMN payload TO hidden',
    mend: 'ALTER TABLE events RENAME COLUMN hidden TO payload',
    code: '42703',
  },
  {
    what: '45: when the move of the position touches no row',
    break: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON projection_state FOR EACH ROW EXECUTE FUNCTION refuse()`,
    mend: 'DROP TRIGGER refuse ON projection_state',
    code: 'CURSOR_MOVED',
  },
  {
    what: '45: when the commit fails',
    break: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON projection_state DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION refuse()`,
    mend: 'DROP TRIGGER refuse ON projection_state',
    code: '40001',
  },
] as const;

// Seen red with: run returning what it caught as 'caught-up'; (no row) the throw of CURSOR_MOVED taken out of moveTo.
test.each(FAULTS.map((fault) => [fault.what, fault] as const))(
  '%s, it is an error, no event is applied, and none is lost',
  async (_what, fault) => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { run, headIs } = runnerByHand(scene.sql, projection);
    const first = await scene.append(...noted('a', 1, 2));
    headIs(first[1]?.position ?? 0n);
    expect(await run()).toEqual({ kind: 'caught-up' });
    const before = await scene.row('ledger');
    const more = await scene.append(...noted('a', 3, 3));
    headIs(more[2]?.position ?? 0n);

    await scene.sql.unsafe(fault.break);
    await expect(run()).rejects.toMatchObject({ code: fault.code });
    await scene.sql.unsafe(fault.mend);
    await expectUntouched(scene, before, ['a1', 'a2']);
    expect(await run()).toEqual({ kind: 'caught-up' });
    expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
  },
);

// Seen red with: run returning what it caught as 'caught-up'.
test('44: when no transaction can be begun, it is an error, and no handler is called', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const gone = await createTestDatabase();
  await gone.drop();
  const elsewhere = connect({ address: { url: gone.url }, applicationName: 'test', max: 1 });
  const { run, headIs } = runnerByHand(scene.sql, projection, { settings: { sql: elsewhere } });
  const before = await scene.row('ledger');
  const [event] = await scene.append(...noted('a', 1, 1));
  headIs(event?.position ?? 0n);
  await expect(run()).rejects.toMatchObject({ code: '3D000' });
  await expectUntouched(scene, before, []);
  expect(calls).toEqual([]);
  await elsewhere.end({ timeout: 1 });
});

// Seen red with: the loop left after one page (`return { kind: 'caught-up' }` after 'applied').
test('46: full pages follow each other until one is not full, without another wakeup', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const cursors: bigint[] = [];
  const failpoint: FailpointHook = async (point) => {
    if (point === 'committed') cursors.push((await scene.row('ledger')).cursor);
  };
  const { run, headIs } = runnerByHand(scene.sql, projection, { settings: { failpoint }, pageSize: 10 });
  const appended = await scene.append(...noted('a', 1, 25));
  headIs(appended[24]?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'caught-up' });
  expect(cursors).toEqual([9, 19, 24].map((index) => appended[index]?.position));
  // The same holds when no event is left after the last full page.
  const more = await scene.append(...noted('b', 1, 20));
  headIs(more[19]?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'caught-up' });
  expect(cursors.slice(3)).toEqual([9, 19].map((index) => more[index]?.position));
  expect(await readLedger(scene.sql)).toHaveLength(45);
});

/** A page of this ledger's events after a position, and a function that applies it as if the cursor were that position. */
async function planned(scene: Scene, projection: ReturnType<typeof createLedger>['projection'], after: bigint) {
  const [{ head }] = await scene.sql<[{ head: bigint }]>`SELECT max(position) AS head FROM events`;
  const page = await readPage(scene.sql, { after, head, names: ['Noted'], limit: 100, maxBytes: 1_000_000 });
  const settings = pageSettings(scene.sql, projection);
  const catalog = await readCatalog(scene.sql, [...projection.tables.keys()]);
  return (generation = 0n) =>
    applyPage(settings, {
      projection,
      page,
      cursor: after,
      generation,
      replayUntil: 0n,
      attempt: false,
      catalog,
    });
}

// Seen red with: the comparison of cursor and generation taken out of applySlice (then CURSOR_MOVED, after the handlers).
test('47: processed events are discarded silently, and so are those planned before a reset', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 3));
  const apply = await planned(scene, projection, 0n);
  expect(await apply()).toMatchObject({ kind: 'applied' });
  const before = await scene.row('ledger');
  calls.length = 0;
  expect(await apply()).toEqual({ kind: 'moved' });
  await expectUntouched(scene, before, ['a1', 'a2', 'a3']);

  await scene.sql`UPDATE projection_state SET cursor = 0, generation = 1`;
  await scene.sql`TRUNCATE ledger`;
  const reset = await scene.row('ledger');
  expect(await apply()).toEqual({ kind: 'moved' });
  await expectUntouched(scene, reset, []);
  expect(calls).toEqual([]);
  expect(await apply(1n)).toMatchObject({ kind: 'applied' });
});

// Seen red with: the comparison of cursor and generation taken out of applySlice.
test('48: events whose predecessors have not been applied are not attempted', async () => {
  const { projection, calls } = createLedger();
  await using scene = await openScene([projection]);
  const appended = await scene.append(...noted('a', 1, 5));
  const before = await scene.row('ledger');
  const apply = await planned(scene, projection, appended[2]?.position ?? 0n);
  expect(await apply()).toEqual({ kind: 'moved' });
  expect(calls).toEqual([]);
  await expectUntouched(scene, before, []);
});

// Seen red with: register giving a new projection the newest position in place of 0.
test('49: a new projection applies earlier events before the event that woke it', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([]);
  await scene.append(...noted('a', 1, 30));
  await using daemon = await startDaemon(scene.database, [projection], { bulkLimit: 10 });
  await scene.append(...noted('b', 1, 1));
  await untilCaughtUp(daemon, scene.sql);
  const texts = [...noted('a', 1, 30), ...noted('b', 1, 1)].map(({ payload }) => (payload as { text: string }).text);
  expect(await readLedger(scene.sql)).toEqual(texts);
});
