import { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import type { StoredStatus } from '../core/status.ts';
import type { Sql } from '../store/connect.ts';
import { deferredConstraints } from '../store/constraints.ts';
import { checkHistory } from '../store/history.ts';
import { type JsonColumns, readJsonColumns } from '../store/json-columns.ts';
import { readState } from '../store/state.ts';

/** Where the stored row of a projection stands, and what its pages have to mind. */
export interface Place {
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly status: StoredStatus;
  /** Constraints that COMMIT would check; read together with the row, since a migration may add one. */
  readonly deferred: readonly string[];
  readonly json: JsonColumns;
}

/**
 * Reads the row anew, and makes sure that the history it stands in is still the store's.
 * @throws EngineError PROJECTION_REFUSED, HISTORY_AHEAD, HISTORY_DIVERGED
 */
export async function openPlace(sql: Sql, projection: Projection): Promise<Place> {
  const state = await readState(sql, projection.name);
  if (typeof state?.refused === 'string') throw new EngineError('PROJECTION_REFUSED', { reason: state.refused });
  const tables = [...projection.tables.keys()];
  const deferred = await deferredConstraints(sql, tables);
  const json = await readJsonColumns(sql, tables);
  const { cursor = 0n, generation = 0n, status = 'running' } = state ?? {};
  await checkHistory(sql, projection.name, cursor, state?.lastEventId ?? null);
  return { cursor, generation, status, deferred, json };
}
