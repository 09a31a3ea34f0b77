import type { Projection } from '../core/projection.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { constraintOf, sqlstateOf } from '../postgres/errors.ts';
import type { Queryable } from '../postgres/pool.ts';

const FOREIGN_KEY_VIOLATION = '23503';

/**
 * The other projection that fills the referenced table, with its cursor, if an event failed by a foreign key of this
 * projection's tables. Such a key makes one projection depend on the progress of another: after a reset of both, the
 * referencing projection may be ahead.
 * @returns null if the event failed for another reason
 */
export async function referencedProjection(
  sql: Queryable,
  { name, tables }: Projection,
  owners: TableOwners,
  cause: unknown,
): Promise<{ readonly name: string; readonly cursor: bigint } | null> {
  if (sqlstateOf(cause) !== FOREIGN_KEY_VIOLATION) return null;
  const [row] = await sql<{ name: string; cursor: bigint }[]>`
    SELECT s.name, s.cursor
    FROM unnest(${[...tables.keys()]}::text[]) AS own (name)
    JOIN pg_constraint AS k ON k.conrelid = to_regclass(quote_ident(own.name)) AND k.contype = 'f'
                           AND k.conname = ${constraintOf(cause)}
    JOIN unnest(${[...owners.keys()]}::text[], ${[...owners.values()]}::text[]) AS other (name, projection)
      ON k.confrelid = to_regclass(quote_ident(other.name)) AND other.projection <> ${name}
    JOIN projection_state AS s ON s.name = other.projection AND s.instance_id = ''
    LIMIT 1`;
  return row ?? null;
}
