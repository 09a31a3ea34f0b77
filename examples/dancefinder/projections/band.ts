import { defineProjection, not, remove, upsert } from '../../../src/index.ts';
import type { DanceEvent } from '../events.ts';

/** Bands by name. The latest event with a name decides which band has it, so a reused name moves to the other band. */
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
      // A band that is created again with a new name loses the old one. Without this the upsert would violate the key.
      remove('band', { id, name: not(name) }),
      upsert('band', { id, name, created: occurredAt }, { conflict: ['name'] }),
    ],
  },
});
