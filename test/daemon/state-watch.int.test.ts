import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import type { StoredStatus } from '../../src/core/status.ts';
import { createRowWatch, type RowWatch } from '../../src/daemon/state-watch.ts';
import { connect, type Sql } from '../../src/postgres/pool.ts';
import type { HighWaterMarkSource } from '../../src/projector/high-water-mark-source.ts';
import { readStateSummaries } from '../../src/state/projection-state.ts';
import { type Answer, createRig, delivered, leafOf, type Rig } from '../machines/projection-rig.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { createLedger } from '../support/noted-ledger.ts';
import { createRunner } from '../support/page.ts';

const { projection } = createLedger();
const STATUSES: readonly StoredStatus[] = ['running', 'paused', 'halted'];

let database: TestDatabase;
let store: Sql;
/** One connection: earlier statements have been answered when the next one is. */
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  store = await openStore(database, [projection]);
  sql = connect({ address: { url: database.url }, applicationName: 'watch', max: 1 });
});
afterAll(async () => {
  await sql.end();
  await store.end();
  await database.drop();
});
beforeEach(async () => {
  await store`UPDATE projection_state SET cursor = 0, last_event_id = NULL, generation = 0, status = 'running'`;
});

const highWaterMark: HighWaterMarkSource = {
  latest: () => 0n,
  refresh: async () => 0n,
  recent: () => null,
  idAt: () => null,
  passed: () => undefined,
  invalidate: () => undefined,
  epoch: () => 0,
};

/** A machine in this state, reached by these answers of its operations. */
async function machineIn(...answers: readonly Answer[]): Promise<Rig> {
  const rig = createRig();
  rig.actor.send({ type: 'START' });
  for (const answer of answers) {
    await delivered();
    rig.operations.running[0]?.settle(answer);
  }
  await delivered();
  return rig;
}

/** A watch over the ledger, with a worker that has read its row. */
async function openWatch(rig: Rig, from: Sql = sql) {
  const runner = createRunner(store, projection, highWaterMark);
  await runner.run('catch-up', new AbortController().signal);
  let reopened = 0;
  const watch = createRowWatch({
    sql: from,
    workers: new Map([['ledger', { runner }]]),
    snapshot: () => rig.actor.getSnapshot(),
    reopen: () => {
      reopened += 1;
    },
    log: silentLog,
  });
  return { watch, runner, reopened: () => reopened };
}

/** A heartbeat, and the reads that follow it. */
async function heartbeat(watch: RowWatch): Promise<void> {
  const { fingerprint } = await readStateSummaries(store);
  watch.compare(fingerprint);
  await sql`SELECT 1`;
  await delivered();
}

const LIVE = ['open:running', 'run:caught-up'] as const;
const MACHINES: readonly (readonly [leaf: string, answers: readonly Answer[], agrees: StoredStatus])[] = [
  ['live.waiting', LIVE, 'running'],
  ['idle.paused', ['open:paused'], 'paused'],
  ['failed.halted', ['open:running', 'run:failed for good'], 'halted'],
];

// Seen red with: `agrees` that is true for 'running', 'paused' and 'halted' in turn; the status not compared; every
// machine reopened.
test.each(MACHINES.flatMap(([leaf, answers, agrees]) => STATUSES.map((status) => ({ leaf, answers, agrees, status }))))(
  'a machine in $leaf, where the row says $status, reads its row again if they differ, once',
  async ({ leaf, answers, agrees, status }) => {
    const rig = await machineIn(...answers);
    expect(leafOf(rig)).toBe(leaf);
    const { watch, reopened } = await openWatch(rig);
    await store`UPDATE projection_state SET status = ${status}`;
    await heartbeat(watch);
    expect(reopened()).toBe(status === agrees ? 0 : 1);
    // At rest it reads its row at once, so the next heartbeat does not reopen it.
    await heartbeat(watch);
    expect(reopened()).toBe(status === agrees ? 0 : 1);
  },
);

// Seen red with: `behind` never true; isAtRest always true.
test('a machine at work, which may have read its row too early, is reopened with each heartbeat', async () => {
  const rig = await machineIn('open:running');
  expect(leafOf(rig)).toBe('catching-up.working');
  const { watch, reopened } = await openWatch(rig);
  await store`UPDATE projection_state SET status = 'paused'`;
  for (let beats = 1; beats <= 3; beats += 1) {
    await heartbeat(watch);
    expect(reopened()).toBe(beats);
  }
});

// Seen red with: `observeGeneration` not called; its answer not kept in `behind`.
test('a worker whose row was reset is reopened until it has read the row, although the states agree', async () => {
  const { watch, runner, reopened } = await openWatch(await machineIn(...LIVE));
  await store`UPDATE projection_state SET generation = generation + 1`;
  for (let beats = 1; beats <= 2; beats += 1) {
    await heartbeat(watch);
    expect(reopened()).toBe(beats);
  }
  await runner.run('catch-up', new AbortController().signal);
  await heartbeat(watch);
  await heartbeat(watch);
  expect(reopened()).toBe(2);
});

// Seen red with: `settled` kept by markUnsettled(); `unsettledMarks` not compared.
test('markUnsettled makes the same rows be compared again, also during a comparison', async () => {
  const rig = await machineIn(...LIVE);
  const { watch, reopened } = await openWatch(rig);
  await heartbeat(watch);
  await store`UPDATE projection_state SET status = 'paused'`;
  await watch.poll();
  expect(reopened()).toBe(1);
  await heartbeat(watch);
  expect(reopened()).toBe(1);
  watch.markUnsettled();
  await heartbeat(watch);
  expect(reopened()).toBe(2);
  const polling = watch.poll();
  watch.markUnsettled();
  await polling;
  expect(reopened()).toBe(3);
  await heartbeat(watch);
  expect(reopened()).toBe(4);
});

// Seen red with: `historyCode` not asked.
test('a machine that halted for the history of the store is not reopened: its row does not show that halt', async () => {
  const { watch, runner, reopened } = await openWatch(await machineIn('open:running', 'run:failed for good'));
  await store`UPDATE projection_state SET cursor = 9, last_event_id = gen_random_uuid()`;
  runner.invalidate();
  expect(await runner.run('catch-up', new AbortController().signal)).toMatchObject({ kind: 'failed', halted: true });
  expect(runner.historyCode).toBe('HISTORY_AHEAD');
  await heartbeat(watch);
  expect(reopened()).toBe(0);
});

// Seen red with: the error rethrown.
test('rows that cannot be read are read with the next heartbeat, and a comparison never rejects', async () => {
  const gone = connect({ address: { url: database.url }, applicationName: 'gone', max: 1 });
  await gone.end();
  const { watch, reopened } = await openWatch(await machineIn(...LIVE), gone);
  await store`UPDATE projection_state SET status = 'paused'`;
  await expect(watch.poll()).resolves.toBeUndefined();
  expect(reopened()).toBe(0);
});

// Seen red with: `polling` not checked.
test('a heartbeat during a comparison begins no second one', async () => {
  const { watch, reopened } = await openWatch(await machineIn(...LIVE));
  await store`UPDATE projection_state SET status = 'paused'`;
  const { fingerprint } = await readStateSummaries(store);
  for (let beats = 0; beats < 3; beats += 1) watch.compare(fingerprint);
  await sql`SELECT 1`;
  await delivered();
  expect(reopened()).toBe(1);
});
