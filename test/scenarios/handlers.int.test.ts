import { expect, test } from 'vitest';
import { projections } from '../../examples/dancefinder/projections.ts';
import type { NewEvent } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { dance, uuid } from '../support/dances.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { openScene } from '../support/scene.ts';

const DANCER = uuid(99);

/** Six kinds of preference: the table, the event that sets it, and the event that removes it. */
const KINDS: readonly {
  readonly table: string;
  readonly set: (subject: string, more?: Partial<NewEvent>) => NewEvent;
  readonly unset: (subject: string) => NewEvent;
}[] = [
  {
    table: 'origin',
    set: (subject, more) =>
      dance(
        'OriginAdded',
        DANCER,
        { subject, originId: uuid(subject.length), name: 'home', latitude: 59, longitude: 18 },
        more,
      ),
    unset: (subject) => dance('OriginRemoved', DANCER, { subject, originId: uuid(subject.length) }),
  },
  {
    table: 'ignored_band',
    set: (subject, more) => dance('BandIgnored', DANCER, { subject, bandName: 'Lasse Stefanz' }, more),
    unset: (subject) => dance('BandUnignored', DANCER, { subject, bandName: 'Lasse Stefanz' }),
  },
  {
    table: 'ignored_dance_hall',
    set: (subject, more) => dance('DanceHallIgnored', DANCER, { subject, danceHallId: uuid(30) }, more),
    unset: (subject) => dance('DanceHallUnignored', DANCER, { subject, danceHallId: uuid(30) }),
  },
  {
    table: 'ignored_city',
    set: (subject, more) => dance('CityIgnored', DANCER, { subject, city: 'Malung' }, more),
    unset: (subject) => dance('CityUnignored', DANCER, { subject, city: 'Malung' }),
  },
  {
    table: 'ignored_municipality',
    set: (subject, more) => dance('MunicipalityIgnored', DANCER, { subject, municipality: 'Malung-Sälen' }, more),
    unset: (subject) => dance('MunicipalityUnignored', DANCER, { subject, municipality: 'Malung-Sälen' }),
  },
  {
    table: 'ignored_state',
    set: (subject, more) => dance('StateIgnored', DANCER, { subject, state: 'Dalarna' }, more),
    unset: (subject) => dance('StateUnignored', DANCER, { subject, state: 'Dalarna' }),
  },
];

/** The subjects in each of the six tables, with the day of their row. */
async function readSubjects(sql: Sql): Promise<Readonly<Record<string, readonly string[]>>> {
  const entries = await Promise.all(
    KINDS.map(async ({ table }) => {
      const rows = await sql<{ row: string }[]>`
        SELECT subject || ' ' || created::date AS row FROM ${sql(table)} ORDER BY subject`;
      return [table, rows.map(({ row }) => row)] as const;
    }),
  );
  return Object.fromEntries(entries);
}

const inEach = (rows: readonly string[]) => Object.fromEntries(KINDS.map(({ table }) => [table, rows]));

// Seen red with: another time for `created` in band.ts.
test('6: a created band has its aggregate id, its name and the time of the event', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Arvingarna' }, { occurredAt: '2026-03-01T19:00:00.123456Z' }),
  );
  await untilCaughtUp(daemon, scene.sql, ['band']);
  expect(await scene.sql`SELECT * FROM band`).toEqual([
    { id: uuid(1), name: 'Arvingarna', created: '2026-03-01 19:00:00.123456+00' },
  ]);
});

// Seen red with: band.ts keeping the row that is there (create with onConflict 'keep').
test('7: a reused name leaves one row with the latest id and created, however old its time is', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Vikingarna' }, { occurredAt: '2026-01-02T00:00:00Z' }),
    dance('BandCreated', uuid(2), { name: 'Vikingarna' }, { occurredAt: '2026-01-01T00:00:00Z' }),
  );
  await untilCaughtUp(daemon, scene.sql, ['band']);
  expect(await scene.sql`SELECT * FROM band`).toEqual([
    { id: uuid(2), name: 'Vikingarna', created: '2026-01-01 00:00:00+00' },
  ]);
});

// Seen red with: the update in dancehall.ts choosing its rows by city.
test('9: geocoding changes latitude and longitude of that hall alone', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const place = { city: 'Malung', municipality: 'Malung-Sälen', state: 'Dalarna' };
  const occurredAt = '2026-01-01T00:00:00Z';
  await scene.append(
    dance('DanceHallCreated', uuid(1), { name: 'Orrskogen', ...place }, { occurredAt }),
    dance('DanceHallCreated', uuid(2), { name: 'Brunnsparken', ...place }, { occurredAt }),
    dance('DanceHallGeocoded', uuid(1), { latitude: 60.68, longitude: 13.71 }),
  );
  await untilCaughtUp(daemon, scene.sql, ['dancehall']);
  const row = { ...place, latitude: null, longitude: null, created: '2026-01-01 00:00:00+00' };
  expect(await scene.sql`SELECT * FROM dance_hall ORDER BY id`).toEqual([
    { ...row, id: uuid(1), name: 'Orrskogen', latitude: 60.68, longitude: 13.71 },
    { ...row, id: uuid(2), name: 'Brunnsparken' },
  ]);
});

// Seen red with: EventDeleted as none().
test('10: a dance is created, changed and deleted by its id', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const read = async () => {
    await untilCaughtUp(daemon, scene.sql, ['event']);
    return await scene.sql`SELECT id, date, band_id, extra_info FROM event ORDER BY id`;
  };
  const other = { id: uuid(2), date: '2026-05-02', band_id: uuid(12), extra_info: null };
  await scene.append(
    dance('EventCreated', uuid(1), { date: '2026-05-01', bandId: uuid(11), danceHallId: uuid(21) }),
    dance('EventCreated', uuid(2), { date: '2026-05-02', bandId: uuid(12), danceHallId: uuid(22) }),
  );
  expect(await read()).toEqual([{ id: uuid(1), date: '2026-05-01', band_id: uuid(11), extra_info: null }, other]);
  await scene.append(dance('EventUpdated', uuid(1), { date: '2026-05-03', extraInfo: 'outdoors' }));
  expect(await read()).toEqual([{ id: uuid(1), date: '2026-05-03', band_id: uuid(11), extra_info: 'outdoors' }, other]);
  await scene.append(dance('EventDeleted', uuid(1), {}));
  expect(await read()).toEqual([other]);
});

// Seen red with: a write that touched no row treated as a failure in pipeline.ts.
test('11: an update or delete of an absent id changes nothing, is no error, and the position advances', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const occurredAt = '2026-06-01T00:00:00Z';
  const appended = await scene.append(
    dance('DanceHallGeocoded', uuid(404), { latitude: 1, longitude: 2 }),
    dance('EventUpdated', uuid(404), { date: '2026-05-03' }),
    dance('OriginRemoved', uuid(99), { subject: 'a', originId: uuid(404) }),
    dance('EventDeleted', uuid(404), {}, { occurredAt }),
  );
  await untilCaughtUp(daemon, scene.sql);
  for (const table of ['dance_hall', 'event', 'origin']) {
    expect(await scene.sql`SELECT * FROM ${scene.sql(table)}`).toEqual([]);
  }
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
  expect((await scene.row('event')).cursor).toBe(appended.at(-1)?.position);
});

// Seen red with: onConflict 'fail' in ignored-row.ts.
test('12: a preference that is added or ignored twice has one row for that subject, in each of the six kinds', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const occurredAt = '2026-01-01T00:00:00Z';
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Lasse Stefanz' }),
    ...KINDS.flatMap(({ set }) => [set('anna', { occurredAt }), set('anna', { occurredAt })]),
  );
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  expect(await readSubjects(scene.sql)).toEqual(inEach(['anna 2026-01-01']));
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

// Seen red with: `subject` taken out of the condition in unignore.
test('13: a preference that is removed or unignored deletes only that subject’s row, in each of the six kinds', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const occurredAt = '2026-01-01T00:00:00Z';
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Lasse Stefanz' }),
    ...KINDS.flatMap(({ set, unset }) => [
      ...['anna', 'bo', 'cecilia'].map((subject) => set(subject, { occurredAt })),
      unset('bo'),
    ]),
  );
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  expect(await readSubjects(scene.sql)).toEqual(inEach(['anna 2026-01-01', 'cecilia 2026-01-01']));
});

// Seen red with: `select: 'name'` in BandIgnored's look-up.
test('14: a band ignored by its name is stored by its id', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Thorleifs' }),
    dance('BandCreated', uuid(2), { name: 'Flamingokvintetten' }),
    dance('BandIgnored', uuid(99), { subject: 'anna', bandName: 'Flamingokvintetten' }),
  );
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  expect(await scene.sql`SELECT band_id, subject FROM ignored_band`).toEqual([{ band_id: uuid(2), subject: 'anna' }]);
});

// Seen red with: the comparison with the owner's cursor taken out of resolveLookup.
test('15: a look-up waits without counting an attempt while the other projection is behind its event', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start({ retries: 0 });
  await daemon.send('band', 'PAUSE');
  await scene.append(
    dance('BandCreated', uuid(1), { name: 'Thorleifs' }),
    dance('CityIgnored', uuid(99), { subject: 'anna', city: 'Malung' }),
    dance('BandIgnored', uuid(99), { subject: 'anna', bandName: 'Thorleifs' }),
  );
  const waiting = await untilStatus(
    daemon,
    'userpreferences',
    ({ detail }) => detail?.includes("waiting for 'band'") === true,
  );
  expect(waiting).toMatchObject({ state: 'catching-up', failure: null });
  expect(await scene.sql`SELECT city FROM ignored_city`).toEqual([{ city: 'Malung' }]);
  await daemon.send('band', 'RESUME');
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  expect(await scene.sql`SELECT band_id FROM ignored_band`).toEqual([{ band_id: uuid(1) }]);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

// Seen red with: clearFailures taken out of apply-page.ts.
test('15: a band ignored by an unknown name is retried, and succeeds once the band exists', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start({ retries: 1_000_000 });
  await scene.append(dance('BandIgnored', uuid(99), { subject: 'anna', bandName: 'Not yet' }));
  await untilStatus(
    daemon,
    'userpreferences',
    ({ state, failure }) => state === 'failed' && (failure?.attempts ?? 0) >= 2,
  );
  await scene.append(dance('BandCreated', uuid(1), { name: 'Not yet' }));
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  expect(await scene.sql`SELECT band_id FROM ignored_band`).toEqual([{ band_id: uuid(1) }]);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

// Seen red with: `onMissing: 'nothing'` in BandIgnored's look-up.
test('15: a name that stays unknown is a failure when ignored, and changes nothing when unignored', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start({ retries: 1 });
  await scene.append(
    dance('BandUnignored', uuid(99), { subject: 'anna', bandName: 'Nobody' }),
    dance('BandIgnored', uuid(99), { subject: 'anna', bandName: 'Nobody' }),
  );
  const { failure } = await untilStatus(
    daemon,
    'userpreferences',
    ({ detail, failure }) => detail !== null && failure?.attempts === 2,
  );
  expect(failure).toMatchObject({
    eventName: 'BandIgnored',
    error: "no row in 'band' where name = 'Nobody': the event that creates it is missing or comes later",
  });
});

// Seen red with: the checkpoint flush taken out of the daemon.
test('20: an event type that a projection does not handle is a no-op, and its position advances', async () => {
  await using scene = await openScene(projections);
  const daemon = await scene.start();
  const [appended] = await scene.append({
    aggregateName: 'domain.Band',
    aggregateId: uuid(1),
    sequenceNo: 1,
    name: 'BandRetired',
    occurredAt: '2026-03-01T00:00:00Z',
    payload: {},
  });
  await untilCaughtUp(daemon, scene.sql);
  const tstamp = BigInt(Date.parse('2026-03-01T00:00:00Z') / 1000);
  expect(await scene.sql`SELECT DISTINCT position FROM readviews`).toEqual([{ position: tstamp }]);
  expect(await scene.sql`SELECT DISTINCT cursor, last_event_id FROM projection_state`).toEqual([
    { cursor: appended?.position, last_event_id: appended?.id },
  ]);
  expect(await scene.sql`SELECT * FROM band`).toEqual([]);
});
