import { EngineError } from '../core/errors.ts';
import type { ProjectionHands } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import type { Sql } from '../store/connect.ts';
import { reset } from '../store/reset.ts';
import { readState, setPaused } from '../store/state.ts';
import type { Puller } from './puller.ts';

/** Gives a projection's machine its hands: each operation is one thing done to the database. */
export function createHands(projection: Projection, puller: Puller, sql: Sql, owner: string): ProjectionHands {
  const { name } = projection;
  return {
    open: async () => {
      puller.forget();
      const state = await readState(sql, name);
      if (state === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
      return { status: state.status, detail: state.alarm };
    },
    pull: (mode, signal) => puller.pull(mode, signal),
    reset: async () => {
      // Whatever the outcome, also an unknown one: the row is read again before the next page.
      puller.forget();
      await reset(sql, projection, owner);
      const state = await readState(sql, name);
      return { status: state?.status ?? 'running' };
    },
    setPaused: (paused) => setPaused(sql, name, paused),
  };
}
