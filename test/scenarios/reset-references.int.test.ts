import { expect, test, vi } from 'vitest';
import { projections } from '../../examples/dancefinder/projections.ts';
import { create, defineProjection, type EventShape, none, type Projection, type Transaction } from '../../src/index.ts';
import { expectedTables, readTables } from '../support/dancefinder.ts';
import { dance, uuid } from '../support/dances.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { noted } from '../support/noted-ledger.ts';
import { capturingLog, endSessions, gate, never, openScene, type Scene } from '../support/scene.ts';

/** One row per event, its key the position; `more` is DDL that is run after the table's. */
function rowsOf(name: string, more = '', reset?: (context: { readonly tx: Transaction }) => Promise<void>): Projection {
  return defineProjection<EventShape>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY); ${more}`,
    tables: { [name]: { key: ['position'] } },
    on: { Noted: ({ position }) => create(name, { position }) },
    ...(reset && { reset }),
  });
}

/** Adds a foreign key: rows of `from` need the row of `to` with the same position. */
async function reference(scene: Scene, from: string, to: string): Promise<void> {
  await scene.sql.unsafe(`ALTER TABLE ${from} ADD FOREIGN KEY (position) REFERENCES ${to} (position)`);
}

async function counts(scene: Scene, ...tables: readonly string[]): Promise<readonly number[]> {
  const counts = tables.map((table, index) => `SELECT ${index} AS place, count(*)::int AS rows FROM ${table}`);
  const rows = await scene.sql.unsafe<{ rows: number }[]>(`${counts.join(' UNION ALL ')} ORDER BY place`);
  return rows.map((row) => row.rows);
}

async function places(scene: Scene) {
  return await scene.sql`
    SELECT s.*, r.position FROM projection_state AS s JOIN readviews AS r USING (name) ORDER BY name`;
}

// Seen red with: `TRUNCATE … CASCADE` of the projection's own tables (event stays empty); `generation + 1` left out of the
// UPDATE (event stays live); referencedProjection answering null (event halts before a band that is not replayed yet).
test('26: with a foreign key left from event to band, the reset of band succeeds and the events come back too', async () => {
  await using scene = await openScene(projections);
  await scene.sql`ALTER TABLE event ADD FOREIGN KEY (band_id) REFERENCES band (id)`;
  for (let number = 1; number <= 30; number++) {
    await scene.append(
      dance('BandCreated', uuid(number), { name: `band ${number}` }),
      dance('EventCreated', uuid(100 + number), { date: '2026-05-01', bandId: uuid(number), danceHallId: uuid(99) }),
    );
  }
  const log = capturingLog();
  const replaying = gate();
  let holding = false;
  const daemon = await scene.start({
    retries: 0,
    bulkLimit: 7,
    log,
    failpoint: async (point, name) => {
      if (holding && point === 'locked' && name === 'band') await replaying.passed;
    },
  });
  await untilCaughtUp(daemon, scene.sql);
  const before = await readTables(scene.sql);
  expect(before).toEqual(await expectedTables(scene.sql));
  holding = true;
  const outcome = await daemon.send('band', 'RESET');
  const because = "'event' was reset with it, since event references band (foreign key event_band_id_fkey)";
  expect(outcome).toEqual({ kind: 'done', state: 'catching-up', warning: because });
  expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toContainEqual({
    projection: 'band',
    warning: because,
  });
  expect(await counts(scene, 'band', 'event')).toEqual([0, 0]);
  expect(await scene.row('event')).toMatchObject({ generation: 1n });
  expect(await scene.row('dancehall')).toMatchObject({ generation: 0n });
  // `event` is ahead of `band` and waits for it. It does not halt, although no failure may be retried.
  const waiting = await untilStatus(daemon, 'event', ({ detail }) => detail?.startsWith("waiting for 'band'") === true);
  expect(waiting).toMatchObject({ state: 'catching-up', generation: 1, failure: null });
  holding = false;
  replaying.open();
  await untilCaughtUp(daemon, scene.sql);
  expect(await readTables(scene.sql)).toEqual(before);
});

// Seen red with: the query of reachedTables without its recursion; readPosition of the runner whatever the generation.
test('projections that reference it, directly or through others, are reset with all their tables; halts are cleared, a pause stays', async () => {
  const two = defineProjection<EventShape>()({
    name: 'two',
    schema:
      'CREATE TABLE IF NOT EXISTS two (position bigint PRIMARY KEY); CREATE TABLE IF NOT EXISTS two_more (position bigint PRIMARY KEY)',
    tables: { two: { key: ['position'] }, two_more: { key: ['position'] } },
    on: { Noted: ({ position }) => [create('two', { position }), create('two_more', { position })] },
  });
  await using scene = await openScene([rowsOf('one'), two, rowsOf('three'), rowsOf('four'), rowsOf('apart')]);
  await reference(scene, 'two', 'one');
  await reference(scene, 'three', 'two_more');
  await reference(scene, 'four', 'three');
  await reference(scene, 'two', 'two');
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  await daemon.send('four', 'PAUSE');
  await scene.sql`UPDATE projection_state SET status = 'halted', alarm = 'something' WHERE name = 'three'`;
  expect(await daemon.send('one', 'RESET')).toMatchObject({
    kind: 'done',
    warning: expect.stringContaining("'three'"),
  });
  await untilCaughtUp(daemon, scene.sql, ['one', 'two', 'three', 'apart']);
  expect(await counts(scene, 'one', 'two', 'two_more', 'three', 'four', 'apart')).toEqual([3, 3, 3, 3, 0, 3]);
  expect((await places(scene)).map((row) => [row['name'], row['generation'], row['status'], row['alarm']])).toEqual([
    ['apart', 0n, 'running', null],
    ['four', 1n, 'paused', null],
    ['one', 1n, 'running', null],
    ['three', 1n, 'running', null],
    ['two', 1n, 'running', null],
  ]);
  // No position from before the reset is shown as applied.
  await untilStatus(
    daemon,
    'four',
    ({ state, cursor, lagEvents }) => state === 'idle' && cursor === '0' && lagEvents === 3,
    5000,
  );
  expect(await daemon.send('four', 'RESUME')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(daemon, scene.sql);
  expect(await counts(scene, 'four')).toEqual([3]);
});

// Seen red with: `TRUNCATE … CASCADE` in place of the list (the archive is emptied); the check for foreign tables left out.
test.each([
  [
    'references it',
    'CREATE TABLE archive (position bigint REFERENCES one (position)); INSERT INTO archive SELECT position FROM one',
    'archive references one (foreign key archive_position_fkey)',
    'archive',
  ],
  [
    'references it from another schema',
    'CREATE SCHEMA other; CREATE TABLE other.archive (position bigint REFERENCES one); INSERT INTO other.archive SELECT position FROM one',
    'other.archive references one (foreign key archive_position_fkey)',
    'other.archive',
  ],
  [
    'references who references it',
    'CREATE TABLE archive (position bigint REFERENCES two (position)); INSERT INTO archive SELECT position FROM two; ALTER TABLE two ADD FOREIGN KEY (position) REFERENCES one',
    'archive references two (foreign key archive_position_fkey)',
    'archive',
  ],
  [
    'inherits from it',
    'CREATE TABLE archive () INHERITS (one); INSERT INTO archive SELECT position + 100 FROM one',
    'archive inherits from one',
    'archive',
  ],
])(
  'a table without a projection that %s makes the reset refuse with its name, and nothing changes (D7)',
  async (_how, ddl, named, archive) => {
    await using scene = await openScene([rowsOf('one'), rowsOf('two')]);
    await scene.append(...noted('a', 1, 3));
    const daemon = await scene.start();
    await untilCaughtUp(daemon, scene.sql);
    await scene.sql.unsafe(ddl);
    const before = await places(scene);
    const outcome = await daemon.send('one', 'RESET');
    expect(outcome).toMatchObject({ kind: 'failed', code: 'RESET_REFUSED', message: expect.stringContaining(named) });
    expect(await places(scene)).toEqual(before);
    expect(await counts(scene, 'two', archive)).toEqual([3, 3]);
    await untilCaughtUp(daemon, scene.sql);
  },
);

// Seen red with: the query of reachedTables without its recursion.
test('a partitioned table is reset completely, whether it references or is referenced, through the table or one partition', async () => {
  const split = (name: string) => `
    CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY) PARTITION BY RANGE (position);
    CREATE TABLE IF NOT EXISTS ${name}_low PARTITION OF ${name} FOR VALUES FROM (0) TO (3);
    CREATE TABLE IF NOT EXISTS ${name}_high PARTITION OF ${name} DEFAULT`;
  const partitioned = (name: string) =>
    defineProjection<EventShape>()({
      name,
      schema: split(name),
      tables: { [name]: { key: ['position'] } },
      on: { Noted: ({ position }) => create(name, { position }) },
    });
  await using scene = await openScene([partitioned('one'), partitioned('two'), partitioned('three')]);
  await reference(scene, 'two', 'one');
  await reference(scene, 'three_high', 'two');
  await scene.append(...noted('a', 1, 5));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  expect(await daemon.send('one', 'RESET')).toMatchObject({
    kind: 'done',
    warning: expect.stringMatching(
      /'three' was reset with it, since three references two .*; 'two' was reset with it, since two references one/,
    ),
  });
  await untilCaughtUp(daemon, scene.sql);
  expect(await counts(scene, 'one', 'two', 'three')).toEqual([5, 5, 5]);
  expect((await places(scene)).map((row) => row['generation'])).toEqual([1n, 1n, 1n]);
});

// Seen red with: the check of the kind left out (the message of PostgreSQL, without what to do).
test('a view cannot be truncated, so the reset is refused and names what the projection needs', async () => {
  const viewed = defineProjection<EventShape>()({
    name: 'viewed',
    schema: 'CREATE OR REPLACE VIEW viewed AS SELECT 1 AS position',
    tables: { viewed: { key: ['position'] } },
    on: { Noted: () => none() },
  });
  await using scene = await openScene([viewed]);
  await scene.append(...noted('a', 1, 1));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  expect(await daemon.send('viewed', 'RESET')).toEqual({
    kind: 'failed',
    code: 'RESET_REFUSED',
    message:
      "'viewed' was not reset, nothing changed: viewed is a view, which cannot be truncated: give 'viewed' a reset of its own",
  });
});

// Seen red with: handlersBefore run after the TRUNCATE; the check of `mustBeEmpty` left out (the kept row is lost).
test('a projection with a reset of its own that a reset includes empties its table itself; rows that it keeps forbid the reset', async () => {
  let keep = 0;
  const two = rowsOf('two', 'CREATE TABLE IF NOT EXISTS two_resets (at timestamptz DEFAULT now())', async ({ tx }) => {
    await tx`DELETE FROM two WHERE position > ${keep}`;
    await tx`INSERT INTO two_resets DEFAULT VALUES`;
  });
  await using scene = await openScene([rowsOf('one'), two]);
  await reference(scene, 'two', 'one');
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  keep = 1;
  const before = await places(scene);
  expect(await daemon.send('one', 'RESET')).toMatchObject({
    code: 'RESET_REFUSED',
    message: expect.stringContaining("its projection's own reset keeps rows of two"),
  });
  expect(await places(scene)).toEqual(before);
  expect(await counts(scene, 'one', 'two', 'two_resets')).toEqual([3, 3, 0]);
  keep = 0;
  expect(await daemon.send('one', 'RESET')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(daemon, scene.sql);
  expect(await counts(scene, 'one', 'two', 'two_resets')).toEqual([3, 3, 1]);
});

test('a reset of its own that truncates with CASCADE also resets the projections whose tables it empties', async () => {
  const one = rowsOf('one', '', async ({ tx }) => {
    await tx`TRUNCATE one CASCADE`;
  });
  await using scene = await openScene([one, rowsOf('two')]);
  await reference(scene, 'two', 'one');
  await scene.append(...noted('a', 1, 3));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  expect(await daemon.send('one', 'RESET')).toMatchObject({ kind: 'done', warning: expect.stringContaining("'two'") });
  await untilCaughtUp(daemon, scene.sql);
  expect(await counts(scene, 'one', 'two')).toEqual([3, 3]);
});

// Seen red with: ORDER BY random() in place of the name (40P01).
test('resets that share projections never deadlock when two daemons get them repeatedly at the same time', async () => {
  const ring = ['one', 'two', 'three', 'four'];
  await using scene = await openScene(ring.map((name) => rowsOf(name)));
  await reference(scene, 'two', 'one');
  await reference(scene, 'three', 'two');
  await reference(scene, 'four', 'two');
  await scene.append(...noted('a', 1, 5));
  const [first, second] = [await scene.start(), await scene.start()];
  await untilCaughtUp(first, scene.sql);
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.all(ring.flatMap((name) => [first.send(name, 'RESET'), second.send(name, 'RESET')]));
    expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ kind: 'done' })));
  }
  await untilCaughtUp(first, scene.sql);
  await untilCaughtUp(second, scene.sql);
  expect(await counts(scene, ...ring)).toEqual([5, 5, 5, 5]);
  expect(await scene.row('one')).toMatchObject({ generation: 10n });
  // Each is reset by its own 10 resets and by those of the projections that it references.
  expect(await scene.row('four')).toMatchObject({ generation: 30n });
});

// Seen red with: emptyTables given the pool in place of the transaction.
test.each(['reset-locked', 'reset-begun', 'reset-emptied'] as const)(
  'D2: a process that dies at %s leaves all projections of the reset as they were, and the next one resets them',
  async (at) => {
    await using scene = await openScene([rowsOf('one'), rowsOf('two')]);
    await reference(scene, 'two', 'one');
    await scene.append(...noted('a', 1, 3));
    const reached = gate();
    const daemon = await scene.start({
      failpoint: async (point) => {
        if (point !== at) return;
        reached.open();
        await never();
      },
    });
    await untilCaughtUp(daemon, scene.sql);
    const before = await places(scene);
    const { id } = await daemon.submit({ name: 'one', event: 'RESET', by: 'test' });
    await reached.passed;
    await endSessions(scene.sql, daemon);
    await daemon.stop();
    expect(await places(scene)).toEqual(before);
    expect(await counts(scene, 'one', 'two')).toEqual([3, 3]);
    const next = await scene.start();
    expect(await next.awaitCommand(id)).toMatchObject({ state: 'done', warning: expect.stringContaining("'two'") });
    await untilCaughtUp(next, scene.sql);
    expect(await counts(scene, 'one', 'two')).toEqual([3, 3]);
    expect((await scene.row('two')).generation).toBe(1n);
  },
);

// Seen red with: observeGeneration of the runner doing nothing (the other daemon stays live, although its table is empty);
// REOPEN taken from halted.
test('a daemon whose projection another daemon has reset reads the row again, halted or live, and replays the events', async () => {
  const fragile = defineProjection<EventShape>()({
    name: 'fragile',
    schema: 'CREATE TABLE IF NOT EXISTS fragile (position bigint PRIMARY KEY)',
    tables: { fragile: { key: ['position'] } },
    on: {
      Noted: ({ position }) => {
        if (broken) throw new Error('not yet');
        return create('fragile', { position });
      },
    },
  });
  let broken = true;
  await using scene = await openScene([rowsOf('one'), fragile]);
  await scene.append(...noted('a', 1, 3));
  const stays = await scene.start({ retries: 0 });
  await untilStatus(stays, 'fragile', ({ failure }) => failure !== null);
  await vi.waitFor(async () => expect((await scene.row('fragile')).status).toBe('halted'));
  await untilCaughtUp(stays, scene.sql, ['one']);
  broken = false;
  const resetsOnly = await scene.start({
    failpoint: (point) => {
      if (!point.startsWith('reset')) throw new Error('no page of mine');
    },
  });
  for (const name of ['one', 'fragile']) expect(await resetsOnly.send(name, 'RESET')).toMatchObject({ kind: 'done' });
  await untilCaughtUp(stays, scene.sql);
  expect(await counts(scene, 'one', 'fragile')).toEqual([3, 3]);
  const generations = (await stays.status()).map(({ name, generation, owner }) => [name, generation, owner]);
  expect(generations).toEqual([
    ['one', 1, stays.id],
    ['fragile', 1, stays.id],
  ]);
});
