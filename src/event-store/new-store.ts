import { EngineError } from '../core/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { STORE_COLUMNS } from './checks.ts';

/** A schema without an event store, in which a migration creates one. */
export interface NewStore {
  readonly database: string;
  readonly schema: string;
  /** Schemas of the same database that have an event store. */
  readonly others: readonly string[];
}

/**
 * An event store is missing on the first start, and also after a schema was renamed, and where SCHEMA or DATABASE_URL is
 * wrong. In those cases an empty store would be created beside the real one, and every projection would be live at 0.
 * @returns null where the schema has an event store, or a table or view of that name
 */
export async function findNewStore(sql: Queryable, schema: string): Promise<NewStore | null> {
  const [row] = await sql<[{ database: string; exists: boolean; others: readonly string[] }]>`
    WITH named AS (
      SELECT n.nspname::text AS schema, c.oid, c.relname, c.relkind
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relname IN ('events', 'projection_migrations') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND n.nspname !~ '^pg_')
    SELECT current_database()::text AS database,
           EXISTS (SELECT FROM named WHERE schema = ${schema}) AS exists,
           ARRAY(SELECT schema FROM named WHERE relname = 'events' AND relkind IN ('r', 'p') AND schema <> ${schema}
                 AND ARRAY(SELECT attname::text FROM pg_attribute
                           WHERE attrelid = named.oid AND attnum > 0 AND NOT attisdropped) @> ${[...STORE_COLUMNS]}::text[]
                 ORDER BY schema) AS others`;
  return row.exists ? null : { database: row.database, schema, others: row.others };
}

/** The schema of a daemon that was given none. */
const DEFAULT_SCHEMA = 'public';

/**
 * A second store is only created in a schema that the operator has named: a missing SCHEMA is a mistake, a new one mostly a new
 * environment, which the warning names.
 * @throws EngineError STORE_ELSEWHERE where the schema is the default one and another one has an event store
 */
export function refuseSecondStore({ database, schema, others }: NewStore): void {
  if (others.length === 0 || schema !== DEFAULT_SCHEMA) return;
  throw new EngineError('STORE_ELSEWHERE', { database, schema, others: others.join(', ') });
}

export function describeNewStore({ database, schema, others }: NewStore): string {
  const beside = others.length === 0 ? '' : ` (an event store is also in schema ${others.join(', ')})`;
  return `schema ${schema} of database ${database} had no event store: created a new, empty one${beside}`;
}
