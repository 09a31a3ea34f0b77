import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Tx } from '../postgres/pool.ts';

export interface StartedOver {
  readonly name: string;
  /** The new generation. */
  readonly generation: bigint;
  readonly status: StoredStatus;
}

/**
 * Sets the cursors of projections whose tables are empty, or are about to be, to 0, and records the declared tables as their
 * own. The generation is incremented, so a page that was planned before cannot commit afterwards. Halt, refusal, failures,
 * attempts and alarm are cleared; a pause stays. The caller records the ids of the tables afterwards (`recordIds`).
 */
export async function startOver(
  tx: Tx,
  projections: readonly Projection[],
  owner: string | null,
): Promise<readonly StartedOver[]> {
  return await tx<StartedOver[]>`
    WITH reset AS (
      UPDATE projection_state AS s
      SET cursor = 0, last_event_id = NULL, generation = generation + 1, version = p.version, alarm = NULL,
          refused = NULL, tables = string_to_array(p.tables, ','),
          status = CASE status WHEN 'halted' THEN 'running' ELSE status END, resume_to = 'running', starts = 0,
          owner = coalesce(${owner}, owner), updated_at = now()
      FROM unnest(${projections.map(({ name }) => name)}::text[], ${projections.map(({ version }) => version)}::int[],
                  ${projections.map(tablesOf)}::text[]) AS p (name, version, tables)
      WHERE s.name = p.name AND s.instance_id = ''
      RETURNING s.name, s.generation, s.status
    ), published AS (UPDATE readviews AS r SET position = 0 FROM reset WHERE r.name = reset.name),
    failures_cleared AS (DELETE FROM projection_failures AS f USING reset WHERE f.name = reset.name AND f.instance_id = ''),
    attempts_cleared AS (DELETE FROM projection_attempts AS a USING reset WHERE a.name = reset.name AND a.instance_id = '')
    SELECT name, generation, status FROM reset`;
}

/** The names of the tables as a list with commas, for `tables` of projection_state. A table's name has no comma. */
export function tablesOf({ tables }: Pick<Projection, 'tables'>): string {
  return [...tables.keys()].sort().join();
}
