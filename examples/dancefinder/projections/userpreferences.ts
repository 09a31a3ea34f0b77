import { defineProjection, lookup, remove, upsert } from '../../../src/index.ts';
import type { DanceEvent } from '../events.ts';
import { ignore, unignore } from './ignored-row.ts';
import { USERPREFERENCES_SCHEMA } from './userpreferences-schema.ts';

/**
 * The preferences of each dancer (a subject): origins to measure distances from, and hidden bands, halls, cities,
 * municipalities and states.
 */
export const userpreferences = defineProjection<DanceEvent>()({
  name: 'userpreferences',
  schema: USERPREFERENCES_SCHEMA,
  tables: {
    origin: { key: ['id'] },
    ignored_band: { key: ['id'], unique: [['band_id', 'subject']] },
    ignored_dance_hall: { key: ['id'], unique: [['dance_hall_id', 'subject']] },
    ignored_city: { key: ['id'], unique: [['city', 'subject']] },
    ignored_municipality: { key: ['id'], unique: [['municipality', 'subject']] },
    ignored_state: { key: ['id'], unique: [['state', 'subject']] },
  },
  on: {
    OriginAdded: ({ occurredAt, payload: { originId, subject, name, latitude, longitude } }) =>
      upsert('origin', { id: originId, subject, name, latitude, longitude, created: occurredAt }, { conflict: ['id'] }),
    OriginRemoved: ({ payload: { originId, subject } }) => remove('origin', { id: originId, subject }),

    // `band` is the table of another projection: if that projection is behind, the look-up waits for it.
    BandIgnored: (event) =>
      lookup('band', { select: 'id', where: { name: event.payload.bandName } }, (bandId) =>
        ignore('ignored_band', bandId, event),
      ),
    // If the band does not exist, it was not ignored either.
    BandUnignored: (event) =>
      lookup('band', { select: 'id', where: { name: event.payload.bandName }, onMissing: 'nothing' }, (bandId) =>
        unignore('ignored_band', bandId, event),
      ),

    DanceHallIgnored: (event) => ignore('ignored_dance_hall', event.payload.danceHallId, event),
    DanceHallUnignored: (event) => unignore('ignored_dance_hall', event.payload.danceHallId, event),
    CityIgnored: (event) => ignore('ignored_city', event.payload.city, event),
    CityUnignored: (event) => unignore('ignored_city', event.payload.city, event),
    MunicipalityIgnored: (event) => ignore('ignored_municipality', event.payload.municipality, event),
    MunicipalityUnignored: (event) => unignore('ignored_municipality', event.payload.municipality, event),
    StateIgnored: (event) => ignore('ignored_state', event.payload.state, event),
    StateUnignored: (event) => unignore('ignored_state', event.payload.state, event),
  },
});
