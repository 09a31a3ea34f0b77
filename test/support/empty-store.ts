import type { Projection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';

/** Removes all events and rows, and sets every projection to position 0. No daemon may be running. */
export async function emptyStore(sql: Sql, projections: readonly Projection[]): Promise<void> {
  const tables = projections.flatMap(({ tables }) => [...tables.keys()]);
  await sql.begin(async (tx) => {
    await tx`TRUNCATE ${tx(['events', 'projection_failures', 'projection_commands', 'projection_transitions', ...tables])} RESTART IDENTITY`;
    await tx`
      UPDATE projection_state
      SET cursor = 0, last_event_id = NULL, generation = 0, status = 'running', resume_to = 'running', alarm = NULL, owner = NULL`;
    await tx`UPDATE readviews SET position = 0`;
  });
}
