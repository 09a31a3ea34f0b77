import { defineProjection, update, upsert } from '../../../src/index.ts';
import type { DanceEvent } from '../events.ts';

/** Dance halls. The address is geocoded later, so the coordinates are in an event of their own. */
export const dancehall = defineProjection<DanceEvent>()({
  name: 'dancehall',
  schema: `
    CREATE TABLE IF NOT EXISTS dance_hall (
      id uuid PRIMARY KEY,
      name text,
      city text,
      municipality text,
      state text,
      latitude double precision,
      longitude double precision,
      created timestamptz
    );
  `,
  tables: { dance_hall: { key: ['id'] } },
  on: {
    // The coordinates are left out on purpose: a hall that is created again keeps them.
    DanceHallCreated: ({ aggregateId: id, occurredAt, payload: { name, city, municipality, state } }) =>
      upsert('dance_hall', { id, name, city, municipality, state, created: occurredAt }, { conflict: ['id'] }),
    DanceHallGeocoded: ({ aggregateId: id, payload: { latitude, longitude } }) =>
      update('dance_hall', { latitude, longitude }, { id }),
  },
});
