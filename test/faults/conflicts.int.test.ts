import { expect, test, vi } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { defineProjection, type NewEvent, type Projection, type Transaction } from '../../src/index.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { openFaultScene } from '../support/fault-scene.ts';
import { gate } from '../support/scene.ts';
import { witnesses } from '../support/witnesses.ts';

type Counted = { readonly name: 'Counted'; readonly payload: { readonly number: number } };

/** Counts events in a table of its own, after `work` has used the transaction of the page. */
function counting(
  name: 'left' | 'right' | 'careless',
  handle: (tx: Transaction, number: number) => Promise<void>,
): Projection {
  const table = `count_${name}`;
  return defineProjection<Counted>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${table} (number int NOT NULL)`,
    tables: { [table]: { key: ['number'] } },
    on: { Counted: ({ payload }, { tx }) => handle(tx, payload.number) },
  });
}

function counted(count: number): readonly NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    aggregateName: 'Counter',
    aggregateId: 'one',
    sequenceNo: index + 1,
    name: 'Counted',
    payload: { number: index + 1 },
  }));
}

// Seen red with: the check of the transaction after an async handler left out (the failure was then reported as 25P02 only).
test('B15: a handler that catches an error of its SQL halts its projection at that event, and only the events before it are committed', async () => {
  const careless = counting('careless', async (tx, number) => {
    await tx`INSERT INTO count_careless VALUES (${number})`;
    if (number === 3) await tx`SELECT 1 / 0`.then(undefined, () => undefined);
  });
  await using scene = await openFaultScene({ more: [careless] });
  const appended = await append(scene.sql, counted(5));
  await scene.append(20);
  const daemon = await scene.start({ retries: 1 });
  const { failure } = await untilStatus(daemon, 'careless', ({ failure: stored }) => stored?.attempts === 2);
  expect(failure).toMatchObject({ position: String(appended[2]?.position), sqlstate: '25P02' });
  expect(failure?.error).toContain("a handler of 'careless' caught an error of PostgreSQL");
  expect(await scene.sql`SELECT number FROM count_careless ORDER BY 1`).toEqual([{ number: 1 }, { number: 2 }]);
  await untilCaughtUp(
    daemon,
    scene.sql,
    witnesses.map(({ name }) => name),
  );
  const [row] = await scene.sql<{ status: string; cursor: bigint }[]>`
    SELECT status, cursor FROM projection_state WHERE name = 'careless'`;
  expect(row).toEqual({ status: 'halted', cursor: appended[1]?.position });
});

// Seen red with: 40P01 taken out of isTransient (the projection that PostgreSQL rolls back halts).
test('B16: of two projections in a deadlock one is rolled back, backs off and continues, and neither halts', async () => {
  const [leftHolds, rightHolds] = [gate(), gate()];
  const bump = async (tx: Transaction, id: number): Promise<void> => {
    await tx`UPDATE shared SET hits = hits + 1 WHERE id = ${id}`;
  };
  const calls = { left: 0, right: 0 };
  const left = counting('left', async (tx, number) => {
    calls.left += 1;
    await bump(tx, 1);
    leftHolds.open();
    await rightHolds.passed;
    await bump(tx, 2);
    await tx`INSERT INTO count_left VALUES (${number})`;
  });
  const right = counting('right', async (tx, number) => {
    calls.right += 1;
    await bump(tx, 2);
    rightHolds.open();
    await leftHolds.passed;
    await bump(tx, 1);
    await tx`INSERT INTO count_right VALUES (${number})`;
  });
  await using scene = await openFaultScene({ more: [left, right] });
  await scene.sql`CREATE TABLE shared AS SELECT id, 0 AS hits FROM generate_series(1, 2) AS id`;
  await append(scene.sql, counted(1));
  const daemon = await scene.start();
  const details: (string | null)[] = [];
  daemon.onTransition(({ to }) => {
    if (to.endsWith('backing-off')) details.push(to);
  });
  await scene.expectExact(daemon);
  expect(calls.left + calls.right).toBeGreaterThan(2);
  expect(details).not.toEqual([]);
  expect(await scene.sql`SELECT hits FROM shared`).toEqual([{ hits: 2 }, { hits: 2 }]);
  expect(await scene.sql`SELECT number FROM count_left UNION ALL SELECT number FROM count_right`).toHaveLength(2);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

// Seen red with: 40001 taken out of isTransient (the event was recorded as failed).
test('B16: a conflict that does not end keeps only its own projection backing off', async () => {
  let conflict = true;
  let calls = 0;
  const left = counting('left', async (tx, number) => {
    calls += 1;
    if (conflict) await tx`SELECT raise_conflict()`;
    await tx`INSERT INTO count_left VALUES (${number})`;
  });
  await using scene = await openFaultScene({ more: [left] });
  await scene.sql.unsafe(`
    CREATE FUNCTION raise_conflict() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$`);
  await append(scene.sql, counted(3));
  await scene.append(20);
  const daemon = await scene.start();
  await vi.waitFor(() => expect(calls).toBeGreaterThanOrEqual(5), { timeout: 30_000 });
  const { state, detail, failure } = await untilStatus(daemon, 'left', (status) => status.detail !== null);
  expect({ state, detail, failure }).toEqual({
    state: 'catching-up',
    detail: expect.stringMatching(/^backing off since \S+: could not serialize access$/),
    failure: null,
  });
  await untilCaughtUp(
    daemon,
    scene.sql,
    witnesses.map(({ name }) => name),
  );
  expect(scene.lines().filter((line) => line.includes('backing-off')).length).toBeLessThanOrEqual(1);
  conflict = false;
  await scene.expectExact(daemon);
  expect(await scene.sql`SELECT number FROM count_left ORDER BY 1`).toEqual([
    { number: 1 },
    { number: 2 },
    { number: 3 },
  ]);
});
