import { describe, expect, test } from 'vitest';
import { AGGREGATE_OF } from '../../examples/dancefinder/aggregates.ts';
import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { pairId } from '../../examples/dancefinder/pair-id.ts';
import { band } from '../../examples/dancefinder/projections/band.ts';
import { dancehall } from '../../examples/dancefinder/projections/dancehall.ts';
import { event as dances } from '../../examples/dancefinder/projections/event.ts';
import { userpreferences } from '../../examples/dancefinder/projections/userpreferences.ts';
import { projections } from '../../examples/dancefinder/projections.ts';
import { create, none, not, remove, type Statement, update, upsert } from '../../src/index.ts';
import { columnsIn } from './memory-tables.ts';
import { danceEvent, statementsFor } from './stored-event.ts';

const created = '2026-03-01T19:00:00.123456Z';

describe('the four projections', () => {
  test('are named as in the document and handle each of the 18 event types once', () => {
    expect(projections.map((it) => it.name)).toEqual(['band', 'dancehall', 'event', 'userpreferences']);
    const handled = projections.flatMap((it) => [...it.handlers.keys()]);
    expect(handled.toSorted()).toEqual(Object.keys(AGGREGATE_OF).toSorted());
  });

  test('write nine tables, none of them twice', () => {
    const tables = projections.flatMap((it) => [...it.tables.keys()]);
    expect(tables.toSorted()).toEqual(Object.keys(foldHistory([])).toSorted());
  });

  test.each(projections.flatMap((it) => [...it.tables].map(([table, shape]) => ({ table, shape, schema: it.schema }))))(
    'create $table repeatably, with a uuid key, its unique columns, and no foreign key',
    ({ table, shape, schema }) => {
      expect(shape.key).toEqual(['id']);
      expect(columnsIn(schema, table)).toEqual(
        expect.arrayContaining(['id', 'created', ...(shape.unique ?? []).flat()]),
      );
      expect(schema).toMatch(new RegExp(`CREATE TABLE IF NOT EXISTS ${table} \\(\\s+id uuid PRIMARY KEY`));
      expect(schema).not.toMatch(/REFERENCES|CREATE (TABLE|INDEX) (?!IF NOT EXISTS)/);
    },
  );
});

describe('band', () => {
  test('BandCreated gives up the band’s other name and takes this one', () => {
    expect(statementsFor(band, danceEvent('BandCreated', { name: 'Åströms' }))).toEqual([
      remove('band', { id: 'a1', name: not('Åströms') }),
      upsert('band', { id: 'a1', name: 'Åströms', created }, { conflict: ['name'] }),
    ]);
  });
});

describe('dancehall', () => {
  test('DanceHallCreated writes all but the coordinates', () => {
    const hall = { name: 'Logen', city: 'Mora', municipality: 'Mora kommun', state: 'Dalarna' };
    expect(statementsFor(dancehall, danceEvent('DanceHallCreated', hall))).toEqual([
      upsert('dance_hall', { id: 'a1', ...hall, created }, { conflict: ['id'] }),
    ]);
  });

  test('DanceHallGeocoded writes the coordinates only', () => {
    const point = { latitude: 61.0049, longitude: 14.5371 };
    expect(statementsFor(dancehall, danceEvent('DanceHallGeocoded', point))).toEqual([
      update('dance_hall', point, { id: 'a1' }),
    ]);
  });
});

describe('event', () => {
  const columns = { date: '2026-04-01', band_id: 'b1', dance_hall_id: 'h1' };

  test('EventCreated writes every column, null for what is left out', () => {
    const payload = { date: '2026-04-01', bandId: 'b1', danceHallId: 'h1' };
    expect(
      statementsFor(dances, danceEvent('EventCreated', { ...payload, timeText: '19–23', extraInfo: 'Fika' })),
    ).toEqual([
      upsert('event', { id: 'a1', ...columns, time_text: '19–23', extra_info: 'Fika', created }, { conflict: ['id'] }),
    ]);
    expect(statementsFor(dances, danceEvent('EventCreated', payload))).toEqual([
      upsert('event', { id: 'a1', ...columns, time_text: null, extra_info: null, created }, { conflict: ['id'] }),
    ]);
  });

  test.each([
    [{ date: '2026-04-02' }, { date: '2026-04-02' }],
    [{ bandId: 'b2' }, { band_id: 'b2' }],
    [{ danceHallId: 'h2' }, { dance_hall_id: 'h2' }],
    [{ timeText: null }, { time_text: null }],
    [
      { extraInfo: '', timeText: 'kl. 19' },
      { extra_info: '', time_text: 'kl. 19' },
    ],
  ])('EventUpdated with %o sets %o and nothing else', (payload, set) => {
    expect(statementsFor(dances, danceEvent('EventUpdated', payload))).toEqual([update('event', set, { id: 'a1' })]);
  });

  test('EventUpdated with nothing does nothing, as does a field that nobody knows', () => {
    expect(statementsFor(dances, danceEvent('EventUpdated', {}))).toEqual([none()]);
    const unknown = { ...danceEvent('EventUpdated', {}), payload: { colour: 'red' } };
    expect(statementsFor(dances, unknown)).toEqual([none()]);
  });

  test('EventDeleted removes by id', () => {
    expect(statementsFor(dances, danceEvent('EventDeleted', {}))).toEqual([remove('event', { id: 'a1' })]);
  });
});

describe('userpreferences', () => {
  const subject = 'auth0|åsa';
  const reduce = (event: ReturnType<typeof danceEvent>) => statementsFor(userpreferences, event);

  test('OriginAdded writes the origin under its own id', () => {
    const origin = { name: 'Hemma', latitude: 59.3, longitude: 18.1 };
    expect(reduce(danceEvent('OriginAdded', { subject, originId: 'o1', ...origin }))).toEqual([
      upsert('origin', { id: 'o1', subject, ...origin, created }, { conflict: ['id'] }),
    ]);
  });

  test('OriginRemoved removes it only if it is the subject’s', () => {
    expect(reduce(danceEvent('OriginRemoved', { subject, originId: 'o1' }))).toEqual([
      remove('origin', { id: 'o1', subject }),
    ]);
  });

  test('BandIgnored looks the id up by name, and the first time stays', () => {
    const [asked, ...more] = reduce(danceEvent('BandIgnored', { subject, bandName: 'Åströms' }));
    expect(more).toEqual([]);
    expect(asked).toMatchObject({
      kind: 'lookup',
      table: 'band',
      select: 'id',
      where: { name: 'Åströms' },
      absent: 'fail',
    });
    expect(answered(asked, 'b1')).toEqual(
      create('ignored_band', { id: pairId('b1', subject), band_id: 'b1', subject, created }, { onConflict: 'keep' }),
    );
  });

  test('BandUnignored looks the id up by name, and does nothing without it', () => {
    const [asked, ...more] = reduce(danceEvent('BandUnignored', { subject, bandName: 'Åströms' }));
    expect(more).toEqual([]);
    expect(asked).toMatchObject({
      kind: 'lookup',
      table: 'band',
      select: 'id',
      where: { name: 'Åströms' },
      absent: 'nothing',
    });
    expect(answered(asked, 'b1')).toEqual(remove('ignored_band', { band_id: 'b1', subject }));
  });

  test.each([
    ['ignored_dance_hall', 'dance_hall_id', 'h1', danceEvent('DanceHallIgnored', { subject, danceHallId: 'h1' })],
    ['ignored_city', 'city', 'Mora', danceEvent('CityIgnored', { subject, city: 'Mora' })],
    ['ignored_municipality', 'municipality', 'Å', danceEvent('MunicipalityIgnored', { subject, municipality: 'Å' })],
    ['ignored_state', 'state', 'Dalarna', danceEvent('StateIgnored', { subject, state: 'Dalarna' })],
  ])('ignoring writes to %s, and the first time stays', (table, column, what, event) => {
    expect(reduce(event)).toEqual([
      create(table, { id: pairId(what, subject), [column]: what, subject, created }, { onConflict: 'keep' }),
    ]);
  });

  test.each([
    ['ignored_dance_hall', { dance_hall_id: 'h1' }, danceEvent('DanceHallUnignored', { subject, danceHallId: 'h1' })],
    ['ignored_city', { city: 'Mora' }, danceEvent('CityUnignored', { subject, city: 'Mora' })],
    [
      'ignored_municipality',
      { municipality: 'Å' },
      danceEvent('MunicipalityUnignored', { subject, municipality: 'Å' }),
    ],
    ['ignored_state', { state: 'Dalarna' }, danceEvent('StateUnignored', { subject, state: 'Dalarna' })],
  ])('unignoring removes the subject’s row from %s', (table, where, event) => {
    expect(reduce(event)).toEqual([remove(table, { ...where, subject })]);
  });
});

function answered(statement: Statement | undefined, id: string): Statement | readonly Statement[] {
  if (statement?.kind !== 'lookup') throw new Error('a look-up is expected');
  return statement.use(id);
}
