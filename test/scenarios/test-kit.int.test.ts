import { afterAll, expect, inject, test } from 'vitest';
import { band } from '../../examples/dancefinder/projections/band.ts';
import { defineProjection } from '../../src/index.ts';
import { connect } from '../../src/postgres/pool.ts';
import { createTestKit } from '../../src/testing/index.ts';
import { uuid } from '../support/dances.ts';

const kit = createTestKit({ database: inject('postgres').url });
afterAll(() => kit.close());

const bandBySql = defineProjection<{ readonly name: 'BandCreated'; readonly payload: { readonly name: string } }>()({
  name: 'band_by_sql',
  schema: band.schema,
  tables: { band: { key: ['id'] } },
  on: {
    BandCreated: async ({ aggregateId, occurredAt, payload }, { tx }) => {
      await tx`
        INSERT INTO band (id, name, created) VALUES (${aggregateId}, ${payload.name}, ${occurredAt})
        ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id, created = EXCLUDED.created`;
    },
  },
});

// Seen red with: the transaction committed at the end.
test.each([
  ['statements', kit.for(band)],
  ['SQL of its own', kit.for(bandBySql)],
])(
  '67: a row that a handler of %s creates in the transaction of a test is counted there, and is gone after it',
  async (_, spec) => {
    const { count, database, schema } = await spec.rolledBack(async (tx) => {
      await tx.apply({ name: 'BandCreated', aggregateId: uuid(1), payload: { name: 'Test Band' } });
      const [row] = await tx<[{ count: number; database: string; schema: string }]>`
      SELECT count(*)::int AS count, current_database()::text AS database, current_schema()::text AS schema
      FROM band WHERE name = ${'Test Band'}`;
      return row;
    });
    expect(count).toBe(1);
    const address = new URL(inject('postgres').url);
    address.pathname = `/${database}`;
    const sql = connect({ address: { url: address.href }, schema, applicationName: 'test', max: 1 });
    expect(await sql`SELECT * FROM band`).toEqual([]);
    await sql.end();
  },
);
