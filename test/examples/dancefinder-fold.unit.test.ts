import { expect, test } from 'vitest';
import type { DanceEventName, PayloadOf } from '../../examples/dancefinder/events.ts';
import type { RecordedEvent } from '../../examples/dancefinder/fold/tables.ts';
import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { pairId } from '../../examples/dancefinder/pair-id.ts';

const at = (second: number) => `2026-03-01T19:00:0${second}.123456Z`;
const [T1, T2, T3] = [at(1), at(2), at(3)];

function said<Name extends DanceEventName>(
  occurredAt: string,
  aggregateId: string,
  name: Name,
  payload: PayloadOf<Name>,
): RecordedEvent {
  return { occurredAt, aggregateId, name, payload };
}

test('without events every table is empty', () => {
  expect(Object.values(foldHistory([])).flat()).toEqual([]);
  expect(Object.keys(foldHistory([]))).toHaveLength(9);
});

test('BandCreated creates a band with id, name and time', () => {
  expect(foldHistory([said(T1, 'b1', 'BandCreated', { name: 'Åströms' })]).band).toEqual([
    { id: 'b1', name: 'Åströms', created: T1 },
  ]);
});

test('a name that another band takes belongs to that band, with its time', () => {
  const rows = foldHistory([
    said(T1, 'b1', 'BandCreated', { name: 'Åströms' }),
    said(T2, 'b2', 'BandCreated', { name: 'Åströms' }),
  ]);
  expect(rows.band).toEqual([{ id: 'b2', name: 'Åströms', created: T2 }]);
});

test('a band that is created again with a new name releases the old one', () => {
  const rows = foldHistory([
    said(T1, 'b2', 'BandCreated', { name: 'Åströms' }),
    said(T2, 'b2', 'BandCreated', { name: 'Ekvalls' }),
    said(T3, 'b1', 'BandCreated', { name: 'Åströms' }),
  ]);
  expect(rows.band).toEqual([
    { id: 'b1', name: 'Åströms', created: T3 },
    { id: 'b2', name: 'Ekvalls', created: T2 },
  ]);
});

test('a band that takes the name of another and had one before leaves one row', () => {
  const rows = foldHistory([
    said(T1, 'b1', 'BandCreated', { name: 'Åströms' }),
    said(T2, 'b2', 'BandCreated', { name: 'Ekvalls' }),
    said(T3, 'b2', 'BandCreated', { name: 'Åströms' }),
  ]);
  expect(rows.band).toEqual([{ id: 'b2', name: 'Åströms', created: T3 }]);
});

const LOGEN = { name: 'Logen', city: 'Mora', municipality: 'Mora kommun', state: 'Dalarna' };

test('DanceHallCreated creates a hall without coordinates, DanceHallGeocoded adds them', () => {
  const created = said(T1, 'h1', 'DanceHallCreated', LOGEN);
  const geocoded = said(T2, 'h1', 'DanceHallGeocoded', { latitude: 61, longitude: 14.5 });
  const row = { id: 'h1', ...LOGEN, latitude: null, longitude: null, created: T1 };
  expect(foldHistory([created]).dance_hall).toEqual([row]);
  expect(foldHistory([created, geocoded]).dance_hall).toEqual([{ ...row, latitude: 61, longitude: 14.5 }]);
  expect(foldHistory([geocoded]).dance_hall).toEqual([]);
});

test('a hall that is created again keeps its coordinates', () => {
  const rows = foldHistory([
    said(T1, 'h1', 'DanceHallCreated', LOGEN),
    said(T2, 'h1', 'DanceHallGeocoded', { latitude: 61, longitude: 14.5 }),
    said(T3, 'h1', 'DanceHallCreated', { ...LOGEN, name: 'Nya Logen' }),
  ]);
  expect(rows.dance_hall).toEqual([
    { id: 'h1', ...LOGEN, name: 'Nya Logen', latitude: 61, longitude: 14.5, created: T3 },
  ]);
});

const CREATED = said(T1, 'e1', 'EventCreated', {
  date: '2026-04-01',
  bandId: 'b1',
  danceHallId: 'h1',
  timeText: '19–23',
});
const DANCE = {
  id: 'e1',
  date: '2026-04-01',
  band_id: 'b1',
  dance_hall_id: 'h1',
  time_text: '19–23',
  extra_info: null,
  created: T1,
};

test('EventCreated creates a dance, with null for the fields that it leaves out', () => {
  expect(foldHistory([CREATED]).event).toEqual([DANCE]);
});

test('EventUpdated changes the fields it names, empties those that are null, and keeps the rest', () => {
  const updated = said(T2, 'e1', 'EventUpdated', { bandId: 'b2', timeText: null });
  expect(foldHistory([CREATED, updated]).event).toEqual([{ ...DANCE, band_id: 'b2', time_text: null }]);
  expect(foldHistory([CREATED, said(T2, 'e1', 'EventUpdated', {})]).event).toEqual([DANCE]);
  expect(foldHistory([updated]).event).toEqual([]);
});

test('EventDeleted removes the dance, and a dance created again keeps no earlier field', () => {
  const deleted = said(T2, 'e1', 'EventDeleted', {});
  const again = said(T3, 'e1', 'EventCreated', { date: '2026-05-01', bandId: 'b1', danceHallId: 'h1' });
  expect(foldHistory([CREATED, deleted]).event).toEqual([]);
  expect(foldHistory([deleted]).event).toEqual([]);
  expect(foldHistory([CREATED, deleted, again]).event).toEqual([
    { ...DANCE, date: '2026-05-01', time_text: null, created: T3 },
  ]);
});

const HOME = { subject: 's1', originId: 'o1', name: 'Hemma', latitude: 59.3, longitude: 18.1 };

test('OriginAdded twice leaves one origin, the latest; OriginRemoved removes only the subject’s own', () => {
  const added = said(T1, 'u1', 'OriginAdded', HOME);
  const moved = said(T2, 'u1', 'OriginAdded', { ...HOME, name: 'Nya hemma' });
  const row = { id: 'o1', subject: 's1', name: 'Nya hemma', latitude: 59.3, longitude: 18.1, created: T2 };
  expect(foldHistory([added, moved]).origin).toEqual([row]);
  const foreign = said(T3, 'u2', 'OriginRemoved', { subject: 's2', originId: 'o1' });
  expect(foldHistory([added, moved, foreign]).origin).toEqual([row]);
  const own = said(T3, 'u1', 'OriginRemoved', { subject: 's1', originId: 'o1' });
  expect(foldHistory([added, moved, own]).origin).toEqual([]);
});

const band = said(T1, 'b1', 'BandCreated', { name: 'Åströms' });

test.each([
  ['ignored_band', 'band_id', 'b1', 'BandIgnored', 'BandUnignored', { bandName: 'Åströms' }],
  ['ignored_dance_hall', 'dance_hall_id', 'h1', 'DanceHallIgnored', 'DanceHallUnignored', { danceHallId: 'h1' }],
  ['ignored_city', 'city', 'Mora', 'CityIgnored', 'CityUnignored', { city: 'Mora' }],
  [
    'ignored_municipality',
    'municipality',
    'Mora kommun',
    'MunicipalityIgnored',
    'MunicipalityUnignored',
    { municipality: 'Mora kommun' },
  ],
  ['ignored_state', 'state', 'Dalarna', 'StateIgnored', 'StateUnignored', { state: 'Dalarna' }],
] as const)('%s has one row for each subject, with the first time, until it is taken back', (...given) => {
  const [table, column, what, ignored, unignored, choice] = given;
  const event = (occurredAt: string, name: string, subject: string): RecordedEvent => ({
    occurredAt,
    aggregateId: 'u1',
    name,
    payload: { subject, ...choice },
  });
  const twice = [band, event(T1, ignored, 's1'), event(T2, ignored, 's1'), event(T3, ignored, 's2')];
  const [first, second] = [
    { id: pairId(what, 's1'), [column]: what, subject: 's1', created: T1 },
    { id: pairId(what, 's2'), [column]: what, subject: 's2', created: T3 },
  ];
  expect(new Set(foldHistory(twice)[table])).toEqual(new Set([first, second]));
  expect(foldHistory([...twice, event(T3, unignored, 's1')])[table]).toEqual([second]);
  expect(foldHistory([band, event(T3, unignored, 's1')])[table]).toEqual([]);
});

test('an unknown band cannot be ignored, and unignoring it changes nothing', () => {
  const choice = { subject: 's1', bandName: 'Okända' };
  expect(() => foldHistory([said(T1, 'u1', 'BandIgnored', choice)])).toThrow("'Okända' is ignored before it exists");
  expect(foldHistory([said(T1, 'u1', 'BandUnignored', choice)]).ignored_band).toEqual([]);
});

test('other event types change nothing', () => {
  const photo = { name: 'BandPhotoAdded', aggregateId: 'b1', occurredAt: T2, payload: { name: 'Ekvalls' } };
  expect(foldHistory([band, photo])).toEqual(foldHistory([band]));
});

test('rows are sorted by id', () => {
  const ids = ['b', '0', 'f', '9', 'a'];
  const rows = foldHistory(ids.map((id) => said(T1, id, 'BandCreated', { name: id })));
  expect(rows.band.map((row) => row['id'])).toEqual(['0', '9', 'a', 'b', 'f']);
});
