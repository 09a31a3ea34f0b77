import type { ProjectionOperations } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Row } from '../core/statement.ts';
import type { CompleteEvent } from './test-event.ts';

/**
 * A row as a test reads it: times in UTC with microseconds (`2026-03-01T19:00:00.123456Z`), dates and numerics as text,
 * 8-byte integers as bigint, JSON as values.
 */
export type TestRow = Readonly<Record<string, unknown>>;

/**
 * What a test runs on: an event store, the operations of the projections that follow it, and their tables. One backend is
 * on PostgreSQL and one in memory; both pass the cases of `conformance`.
 */
export interface Backend {
  /** How the events are applied, for messages. */
  readonly name: string;
  /**
   * Removes all events and rows, and puts each of these projections to position 0.
   * @param options `maxAttempts`: attempts at one event before its projection halts; default 1
   * @throws EngineError TABLE_SHARED, PROJECTION_INVALID, TABLE_MISSING
   */
  open(projections: readonly Projection[], options?: { readonly maxAttempts?: number }): Promise<void>;
  /** Appends all events or none. @throws EngineError APPEND_CONFLICT, APPEND_DUPLICATE, APPEND_INVALID */
  append(events: readonly CompleteEvent[]): Promise<void>;
  /** The operations of a projection that `open` was called with. @throws EngineError TEST_INVALID for any other */
  operations(projection: Projection): ProjectionOperations;
  /** Every row, in any order. */
  rows(table: string): Promise<readonly TestRow[]>;
  /** Converts values to what `rows` would return, each with its own columns. @throws EngineError TEST_INVALID */
  toRows(table: string, values: readonly Row[]): Promise<readonly TestRow[]>;
}

/** @deprecated Use `Backend`. */
export type Stage = Backend;
