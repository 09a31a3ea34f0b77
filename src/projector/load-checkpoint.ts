import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../postgres/pool.ts';
import { type Catalog, readCatalog } from '../read-model/catalog.ts';
import type { PageSettings } from './page-request.ts';

/** The stored row of a projection, and the catalog of its tables. */
export interface StoredCheckpoint {
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly status: StoredStatus;
  /** Read together with the row, since a migration may change the tables. */
  readonly catalog: Catalog;
}

/**
 * Reads the row, and checks that the event of its cursor is still in the store.
 * @throws EngineError PROJECTION_REFUSED, TABLE_REPLACED, HISTORY_AHEAD, HISTORY_DIVERGED
 */
export async function loadCheckpoint(
  sql: Sql,
  { events, checkpoints }: Pick<PageSettings, 'events' | 'checkpoints'>,
  projection: Projection,
): Promise<StoredCheckpoint> {
  const state = await checkpoints.read(sql, projection.name);
  if (typeof state?.refused === 'string') throw new EngineError('PROJECTION_REFUSED', { reason: state.refused });
  if (typeof state?.replaced === 'string') {
    throw new EngineError('TABLE_REPLACED', { name: projection.name, table: state.replaced });
  }
  const catalog = await readCatalog(sql, [...projection.tables.keys()]);
  const { cursor = 0n, generation = 0n, status = 'running' } = state ?? {};
  await events.checkHistory(sql, projection.name, cursor, state?.lastEventId ?? null);
  return { cursor, generation, status, catalog };
}
