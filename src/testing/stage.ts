import type { ProjectionOperations } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Row } from '../core/statement.ts';
import type { CompleteEvent } from './test-event.ts';

/**
 * A row as a test sees it: times in UTC with microseconds (`2026-03-01T19:00:00.123456Z`), dates and numerics as text,
 * 8-byte integers as bigint, JSON as values.
 */
export type TestRow = Readonly<Record<string, unknown>>;

/**
 * What a test needs of the world: a store to append to, the hands of the projections that follow it, and the tables that
 * these fill. There is one on PostgreSQL and one in memory; `conformance` says what both do.
 */
export interface Stage {
  /** How the events are applied, for messages. */
  readonly name: string;
  /**
   * As on the first day: no events, the tables of these projections empty, each of them at 0. Whatever was there before
   * is gone. `maxAttempts`: how often an event may fail before its projection halts; default 1.
   * @throws EngineError TABLE_SHARED, PROJECTION_INVALID, TABLE_MISSING
   */
  open(projections: readonly Projection[], options?: { readonly maxAttempts?: number }): Promise<void>;
  /** @throws EngineError APPEND_CONFLICT, APPEND_DUPLICATE, APPEND_INVALID: then none of them is there */
  append(events: readonly CompleteEvent[]): Promise<void>;
  /** Of a projection that was opened. */
  operations(projection: Projection): ProjectionOperations;
  /** Every row, in any order. */
  rows(table: string): Promise<readonly TestRow[]>;
  /** Values as they would come back from `rows`, each with the columns that were given. @throws EngineError TEST_INVALID */
  toRows(table: string, values: readonly Row[]): Promise<readonly TestRow[]>;
}
