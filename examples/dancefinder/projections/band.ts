import { defineProjection, not, remove, upsert } from '../../../src/index.ts';
import type { DanceEvent } from '../events.ts';

/** Bands by name. The latest event of a name decides whose it is, so a name that is reused moves to the other band. */
export const band = defineProjection<DanceEvent>()({
  name: 'band',
  schema: `
    CREATE TABLE IF NOT EXISTS band (
      id uuid PRIMARY KEY,
      name text NOT NULL UNIQUE,
      created timestamptz NOT NULL
    );
  `,
  tables: { band: { key: ['id'], unique: [['name']] } },
  on: {
    BandCreated: ({ aggregateId: id, occurredAt, payload: { name } }) => [
      // A band that comes again under a new name gives the old one up; without this the upsert would clash on the id.
      remove('band', { id, name: not(name) }),
      upsert('band', { id, name, created: occurredAt }, { conflict: ['name'] }),
    ],
  },
});
