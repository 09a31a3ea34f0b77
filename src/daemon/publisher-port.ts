import type { Log } from '../core/log.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { DatabaseAddress, PoolCounts } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';

/** What a daemon lends to the publisher that runs beside its projections. */
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

/** A publisher under way. It has connections of its own to both servers, so that no projection waits for it. */
export interface RunningPublisher {
  /** There may be new events. */
  wake(): void;
  /** `row`: null before it was read for the first time. */
  status(row: PublisherRow | null): PublisherStatus;
  /** Of its own pool. */
  connections(): PoolCounts;
  /** Waits a moment for confirms, stores how far they reach, closes what was opened. Never rejects. */
  stop(): Promise<void>;
}

/** Starts to publish; what is not there yet (the broker) is waited for behind. */
export type StartPublisher = (around: PublisherSurroundings) => RunningPublisher;
