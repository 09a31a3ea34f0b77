import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import { checkHistory } from '../event-store/history.ts';
import type { Sql } from '../postgres/pool.ts';
import { type Catalog, readCatalog } from '../read-model/catalog.ts';
import { readState } from '../state/projection-state.ts';

/** Where the stored row of a projection stands, and what its pages have to mind. */
export interface StoredCheckpoint {
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly status: StoredStatus;
  /** Read together with the row, since a migration may change its tables. */
  readonly catalog: Catalog;
}

/**
 * Reads the row anew, and makes sure that the history it stands in is still the store's.
 * @throws EngineError PROJECTION_REFUSED, TABLE_REPLACED, HISTORY_AHEAD, HISTORY_DIVERGED
 */
export async function loadCheckpoint(sql: Sql, projection: Projection): Promise<StoredCheckpoint> {
  const state = await readState(sql, projection.name);
  if (typeof state?.refused === 'string') throw new EngineError('PROJECTION_REFUSED', { reason: state.refused });
  if (typeof state?.replaced === 'string') {
    throw new EngineError('TABLE_REPLACED', { name: projection.name, table: state.replaced });
  }
  const catalog = await readCatalog(sql, [...projection.tables.keys()]);
  const { cursor = 0n, generation = 0n, status = 'running' } = state ?? {};
  await checkHistory(sql, projection.name, cursor, state?.lastEventId ?? null);
  return { cursor, generation, status, catalog };
}
