import type { Observer } from '../../machines/observers.ts';
import { EngineError } from '../core/errors.ts';
import type { FailurePolicy } from '../core/failure-policy.ts';
import type { OnHalt } from '../core/halt.ts';
import type { Log } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { DatabaseAddress } from '../postgres/pool.ts';
import type { FailpointHook } from '../projector/failpoint.ts';
import type { HandlerBoard } from '../projector/handler-board.ts';
import type { BrokerOptions } from './broker-pushes.ts';
import type { Timeouts } from './pools.ts';
import type { StartPublisher } from './publisher-port.ts';

/** Includes the failure policy of all projections; a projection may override it. */
export interface DaemonOptions extends Partial<FailurePolicy> {
  readonly projections: readonly Projection[];
  readonly database: DatabaseAddress;
  /** Default public. */
  readonly schema?: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** Default host and pid. */
  readonly id?: string;
  /** Milliseconds between polls that wake every projection. Default 60000. */
  readonly requeueEveryMs?: number;
  /** Events per page; null (default) adapts between 200 and 5000. */
  readonly bulkLimit?: number | null;
  /** Whether appends send a NOTIFY and this daemon listens. Default true. */
  readonly notify?: boolean;
  /** Whether a start may create an event store in schema public if another schema has one. Default false: STORE_ELSEWHERE. */
  readonly secondStore?: boolean;
  /** After how long a silent connection counts as lost. Each has a default. */
  readonly timeouts?: Partial<Timeouts>;
  /** @deprecated the old name of `timeouts` */
  readonly patience?: Partial<Timeouts>;
  /** Why the database is known to be away, for status; null (default) when nothing is known. */
  readonly databaseTrouble?: () => string | null;
  /** Relays the events to a broker: `publisher(…)`. Default none. */
  readonly publisher?: StartPublisher;
  /** RabbitMQ, for pushes. Default none: NOTIFY and polling find every event. */
  readonly broker?: BrokerOptions | null;
  /** Shows a watchdog in another thread which event is being handled. Default: none. */
  readonly board?: HandlerBoard;
  /** Called once for each projection that halts. It may take 30 s; an exception is logged. */
  readonly onHalt?: OnHalt;
  /** Address to which each halt is posted as JSON. This process connects to whatever address is set. */
  readonly haltWebhookUrl?: string | null;
  readonly log?: Log;
  /** Receives what the actors of the projections do; see also `BrokerOptions` and `PublisherOptions`. Default: none. */
  readonly inspect?: Observer;
  readonly failpoint?: FailpointHook;
}

/**
 * The options with `timeouts` alone, whichever of the two names was given.
 * @throws EngineError CONFIG_INVALID if both names are given
 */
export function withTimeouts({ patience, ...options }: DaemonOptions): DaemonOptions {
  if (patience === undefined) return options;
  if (options.timeouts === undefined) return { ...options, timeouts: patience };
  throw new EngineError('CONFIG_INVALID', {
    setting: 'patience',
    reason: 'it is the old name of `timeouts`, which is given too: leave `patience` out',
  });
}
