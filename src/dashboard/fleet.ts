import type { BrokerStatus } from '../core/broker.ts';
import type { PublisherStatus } from '../core/publisher.ts';
import type { ProjectionStatus } from '../core/status.ts';

/** What `GET /projections` answers; `broker` and `publisher` only where the daemon has them. */
export interface Fleet {
  readonly projections: readonly ProjectionStatus[];
  readonly broker?: BrokerStatus;
  readonly publisher?: PublisherStatus;
}

/** A projection's name in the address, in the list and among the samples: `band`, or `band@eu` where it has instances. */
export function keyOf({ name, instance }: Pick<ProjectionStatus, 'name' | 'instance'>): string {
  return instance === '' ? name : `${name}@${instance}`;
}

/** What it is doing inside of its state; empty where there is nothing to tell apart: live is both waiting and working. */
export function insideOf({ state, substate }: Pick<ProjectionStatus, 'state' | 'substate'>): string {
  if (substate === 'live.waiting' || substate === 'live.working') return '';
  return substate.startsWith(`${state}.`) ? substate.slice(state.length + 1) : '';
}
