import { create, defineProjection, type EventShape, type Projection } from '../../src/index.ts';
import type { Queryable } from '../../src/postgres/pool.ts';

/** One row per applied event, in the order of applying. No unique key would prevent a second row of an event. */
export const ledger: Projection = defineProjection<EventShape>()({
  name: 'ledger',
  schema: `CREATE TABLE IF NOT EXISTS ledger (
    place bigint GENERATED ALWAYS AS IDENTITY, position bigint NOT NULL, event_id uuid NOT NULL);`,
  tables: { ledger: { key: ['place'] } },
  on: { Appended: (event) => create('ledger', { position: event.position, event_id: event.id }) },
});

/** `position id`, in the order in which the events were applied. */
export async function readLedger(sql: Queryable): Promise<readonly string[]> {
  const rows = await sql<{ line: string }[]>`SELECT position || ' ' || event_id AS line FROM ledger ORDER BY place`;
  return rows.map(({ line }) => line);
}

/** The expected lines of the ledger: every event of the store, in order of position. */
export async function expectedLedger(sql: Queryable): Promise<readonly string[]> {
  const rows = await sql<{ line: string }[]>`SELECT position || ' ' || id AS line FROM events ORDER BY position`;
  return rows.map(({ line }) => line);
}
