import type { PublisherStatus } from '../core/publisher.ts';
import type { DatabaseAddress } from '../store/connect.ts';
import type { HeadSource } from './head-source.ts';
import type { Log } from './log.ts';

/** What a daemon lends to the publisher that runs beside its projections. */
export interface PublisherSurroundings {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** The daemon's id. */
  readonly owner: string;
  readonly heads: HeadSource;
  readonly log: Log;
}

/** A publisher under way. It has connections of its own to both servers, so that no projection waits for it. */
export interface RunningPublisher {
  /** There may be new events. */
  wake(): void;
  status(): Promise<PublisherStatus>;
  /** Waits a moment for confirms, stores how far they reach, closes what was opened. Never rejects. */
  stop(): Promise<void>;
}

/** Starts to publish; what is not there yet (the broker) is waited for behind. */
export type StartPublisher = (around: PublisherSurroundings) => RunningPublisher;
