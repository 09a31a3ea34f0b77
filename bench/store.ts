import { migrate } from '../src/event-store/migrate.ts';
import type { Projection } from '../src/index.ts';
import { connect, type DatabaseAddress, type Sql } from '../src/postgres/pool.ts';
import { register } from '../src/state/register.ts';

/** The schema of the references: copies of the projections' tables with the same indexes. */
export const REFERENCE_SCHEMA = 'reference';

/** One database with events, the projections' tables, and the references' copies of them. */
export interface Store extends AsyncDisposable {
  readonly address: DatabaseAddress;
  readonly sql: Sql;
  /** One connection that finds the references' tables first. */
  readonly reference: Sql;
  /** One connection to append over: its appends commit in the order in which they were sent. */
  readonly writer: Sql;
}

export async function openStore(address: DatabaseAddress, projections: readonly Projection[]): Promise<Store> {
  const sql = connect({ address, applicationName: 'bench', max: 4 });
  // Its statements read `events` and call uuid-ossp, which are in public.
  const path = { schema: REFERENCE_SCHEMA, extensionSchemas: ['public'] };
  const reference = connect({ address, ...path, applicationName: 'bench:reference', max: 1 });
  const writer = connect({ address, applicationName: 'bench:writer', max: 1 });
  await migrate(sql, { schema: 'public', notify: true, projections });
  await register(sql, projections);
  await sql.unsafe(`CREATE SCHEMA ${REFERENCE_SCHEMA}`);
  for (const { schema } of projections) await reference.unsafe(schema);
  await reference.unsafe(
    'CREATE TABLE reference_cursor (position bigint NOT NULL); INSERT INTO reference_cursor VALUES (0)',
  );
  // The ids of DanceFinder's ignored_ tables are UUIDs of version 5.
  await sql`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`;
  return {
    address,
    sql,
    reference,
    writer,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([sql, reference, writer].map((pool) => pool.end({ timeout: 2 })));
    },
  };
}
