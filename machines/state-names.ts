import type { SnapshotFrom } from 'xstate';
import type { ProjectionState } from '../src/core/status.ts';
import type { projectionMachine } from './projection.ts';

export type ProjectionSnapshot = SnapshotFrom<typeof projectionMachine>;

/** The top-level state of a snapshot: one of five. */
export function stateOf(snapshot: ProjectionSnapshot): ProjectionState {
  const { value } = snapshot;
  return typeof value === 'string' ? value : ((Object.keys(value)[0] ?? 'idle') as ProjectionState);
}

/** The state with its substate, for logs: `live.waiting`. */
export function fullStateOf(snapshot: ProjectionSnapshot): string {
  const { value } = snapshot;
  return typeof value === 'string' ? value : Object.entries(value).flat().join('.');
}
