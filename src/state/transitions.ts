import type { TransitionRecord } from '../core/transition.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Rows that are kept of each projection. */
const KEPT = 1000;

/** Stores transitions in one statement. With `prune` it also deletes the rows beyond the newest 1000 of each of their projections. */
export async function storeTransitions(
  sql: Queryable,
  rows: readonly Omit<TransitionRecord, 'number'>[],
  { prune }: { readonly prune: boolean },
): Promise<void> {
  const column = (key: keyof (typeof rows)[number]) => rows.map((row) => row[key]);
  await sql`
    WITH written AS (
      INSERT INTO projection_transitions (name, from_state, to_state, cause, detail, position, daemon, at)
      SELECT * FROM unnest(${column('name')}::text[], ${column('from')}::text[], ${column('to')}::text[],
                           ${column('cause')}::text[], ${column('detail')}::text[], ${column('position')}::bigint[],
                           ${column('daemon')}::text[], ${column('at')}::timestamptz[])
      RETURNING name
    )
    DELETE FROM projection_transitions AS t USING (
      SELECT n.name, (SELECT o.number FROM projection_transitions AS o WHERE o.name = n.name AND o.instance_id = ''
                      ORDER BY o.number DESC OFFSET ${KEPT} LIMIT 1) AS last
      FROM (SELECT DISTINCT name FROM written) AS n
    ) AS old
    WHERE ${prune} AND t.name = old.name AND t.instance_id = '' AND t.number <= old.last`;
}

export interface TransitionsOptions {
  /** Default 100. */
  readonly limit?: number;
  /** Returns transitions with a lower number than this one. Default: from the newest. */
  readonly before?: bigint;
}

/** Transitions of a projection, newest first. */
export async function readTransitions(
  sql: Queryable,
  name: string,
  { limit = 100, before }: TransitionsOptions = {},
): Promise<readonly TransitionRecord[]> {
  return await sql<TransitionRecord[]>`
    SELECT number::text AS number, name, from_state AS "from", to_state AS "to", cause, detail, position::text AS position,
           daemon, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM projection_transitions AS t
    WHERE name = ${name} AND instance_id = '' AND (${before ?? null}::bigint IS NULL OR t.number < ${before ?? null}::bigint)
    ORDER BY t.number DESC LIMIT ${limit}`;
}
