import type { Log } from '../core/log.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { DatabaseAddress, PoolCounts } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';

/** What a daemon passes to the publisher that runs beside its projections. */
export interface PublisherSurroundings {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** The daemon's id. */
  readonly owner: string;
  readonly highWaterMark: HighWaterMarkSource;
  readonly log: Log;
}

/** What is stored about the publisher. */
export interface PublisherRow {
  readonly cursor: bigint;
  readonly owner: string | null;
  readonly alarm: string | null;
}

/** A running publisher. It has separate connections to both servers, so that no projection waits for it. */
export interface RunningPublisher {
  /** There may be new events. */
  wake(): void;
  /** @param row null before it was read for the first time */
  status(row: PublisherRow | null): PublisherStatus;
  /** Counts of its own pool. */
  connections(): PoolCounts;
  /** Waits a moment for confirms, stores how far they reach, closes what was opened. Never rejects. */
  stop(): Promise<void>;
}

/** Starts to publish and returns at once; the publisher waits for the broker in the background. */
export type StartPublisher = (around: PublisherSurroundings) => RunningPublisher;
