import type { BrokerStatus } from '../core/broker.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { ProjectionStatus } from '../core/status.ts';

/** Body of `GET /projections`; `broker` and `publisher` only if the daemon has them. */
export interface Fleet {
  readonly projections: readonly ProjectionStatus[];
  readonly broker?: BrokerStatus;
  readonly publisher?: PublisherStatus;
}

/** Key of a projection in routes, rows and samples: `band`, or `band@eu` for an instance. */
export function keyOf({ name, instance }: Pick<ProjectionStatus, 'name' | 'instance'>): string {
  return instance === '' ? name : `${name}@${instance}`;
}

/** The state below the top-level state. Empty for `live`, which alternates between waiting and working all the time. */
export function substateOf({ state, substate }: Pick<ProjectionStatus, 'state' | 'substate'>): string {
  if (substate === 'live.waiting' || substate === 'live.working') return '';
  return substate.startsWith(`${state}.`) ? substate.slice(state.length + 1) : '';
}
