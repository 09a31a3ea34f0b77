import type { Observer } from '../../machines/observers.ts';
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

/** With the policy of all its projections; one that says otherwise itself has its own. */
export interface DaemonOptions extends Partial<FailurePolicy> {
  readonly projections: readonly Projection[];
  readonly database: DatabaseAddress;
  /** Default public. */
  readonly schema?: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** Default host and pid. */
  readonly id?: string;
  /** Milliseconds between visits of every projection. Default 60000. */
  readonly requeueEveryMs?: number;
  /** Events per page; null (default) adapts between 200 and 5000. */
  readonly bulkLimit?: number | null;
  /** Whether appends send a NOTIFY and this daemon listens. Default true. */
  readonly notify?: boolean;
  /** Whether a start may create an event store in schema public if another schema has one. Default false: STORE_ELSEWHERE. */
  readonly secondStore?: boolean;
  /** How long silence is borne before a connection counts as lost. Each has its default. */
  readonly patience?: Partial<Timeouts>;
  /** Why the database is known to be away, for status; null (default) when nothing is known. */
  readonly databaseTrouble?: () => string | null;
  /** Relays the events to a broker: `publisher(…)`. Default none. */
  readonly publisher?: StartPublisher;
  /** RabbitMQ, for pushes. Default none: NOTIFY and polling find every event. */
  readonly broker?: BrokerOptions | null;
  /** Where a watchdog in another thread sees what is being handled. Default nowhere. */
  readonly board?: HandlerBoard;
  /** Called once with each projection that halts. What it throws is logged, and it may take 30 s. */
  readonly onHalt?: OnHalt;
  /** Posts each halt there as JSON. Whoever sets it decides what this process connects to. */
  readonly haltWebhookUrl?: string | null;
  readonly log?: Log;
  /** Hears what the actors of the projections do; see also `BrokerOptions` and `PublisherOptions`. Default nobody. */
  readonly inspect?: Observer;
  readonly failpoint?: FailpointHook;
}
