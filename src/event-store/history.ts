import { EngineError } from '../core/errors.ts';
import type { Queryable } from '../postgres/pool.ts';

/**
 * Checks at start and after a lost connection that the store still has the history of the cursor: a server that was restored
 * from a backup has other events at the same positions, or fewer events. A missing row at the cursor is accepted while the
 * store has later events, since old events may be archived.
 * @throws EngineError HISTORY_AHEAD, HISTORY_DIVERGED
 */
export async function checkHistory(
  sql: Queryable,
  name: string,
  cursor: bigint,
  lastEventId: string | null,
): Promise<void> {
  if (lastEventId === null) return;
  const [row] = await sql<[{ id: string | null; last: bigint }]>`
    SELECT (SELECT id FROM events WHERE position = ${cursor}) AS id,
           greatest(coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0),
                    (SELECT coalesce(max(position), 0) FROM events)) AS last`;
  if (row.last < cursor) throw new EngineError('HISTORY_AHEAD', { name, cursor, head: row.last });
  if (row.id !== null && row.id !== lastEventId) {
    throw new EngineError('HISTORY_DIVERGED', { name, cursor, expected: lastEventId, found: row.id });
  }
}
