import { EngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ProjectionOperations } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import { setPaused } from '../operations/pause.ts';
import { reset } from '../operations/reset.ts';
import { skipEvent } from '../operations/skip.ts';
import type { PageSettings } from '../projector/page-request.ts';
import type { ProjectionRunner } from '../projector/run-loop.ts';
import { readState } from '../state/projection-state.ts';

export interface ProjectionOperationsOptions {
  readonly projection: Projection;
  /** All of this daemon. */
  readonly projections: readonly Projection[];
  readonly runner: ProjectionRunner;
  readonly settings: Pick<PageSettings, 'sql' | 'owner' | 'failpoint'>;
  readonly log: Log;
  /** The row was halted when the process started, since processes had died of its event. */
  readonly deadly?: boolean;
  /** A reset has ended, well or not: other projections may have been reset with this one. */
  readonly onReset: () => void;
}

/** Gives a projection's machine its hands: each operation is one thing done to the database. */
export function createProjectionOperations(options: ProjectionOperationsOptions): ProjectionOperations {
  const { projection, projections, runner, log } = options;
  const { sql, owner, failpoint } = options.settings;
  const { name } = projection;
  return {
    open: async () => {
      runner.invalidate();
      const state = await readState(sql, name);
      if (state === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
      runner.checkpoint.observeLoaded(state.generation);
      // A pause is the operator's and stays; else a refused projection stands still as a halted one does.
      if (state.refused !== null && state.status !== 'paused') return { status: 'halted', detail: state.refused };
      return { status: state.status, detail: state.alarm, ...(options.deadly === true && { deadly: true }) };
    },
    run: (mode, signal) => runner.run(mode, signal),
    reset: async (command) => {
      // Whatever the outcome, also an unknown one: the row is read again before the next page.
      runner.invalidate();
      try {
        const done = await reset(sql, { projection, projections, owner, command, failpoint });
        await failpoint?.('reset-committed', projection.name);
        runner.checkpoint.observeLoaded(done.generation);
        if (done.warning !== null) log.warn({ projection: name, warning: done.warning }, 'a reset took others along');
        return { status: done.status };
      } finally {
        options.onReset();
      }
    },
    setPaused: async (paused, command) => {
      // While it is paused, it passes over no events either.
      runner.invalidate();
      return { status: await setPaused(sql, { name, paused, owner, command }) };
    },
    skip: async (command) => {
      runner.invalidate();
      // What to skip, and why, is the operator's to say.
      if (command === null) throw new EngineError('SKIP_MOVED', { name, where: 'was given no position' });
      await skipEvent(sql, { name, handled: [...projection.handlers.keys()], owner, command });
    },
  };
}
