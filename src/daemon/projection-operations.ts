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
  /** Whether the row was halted at the start of the process because processes had died of its event. */
  readonly deadly?: boolean;
  /** Called when a reset has ended, with success or not: other projections may have been reset with this one. */
  readonly onReset: () => void;
}

/** The operations of a projection's machine; each is one action on the database. */
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
      // A pause of an operator stays; otherwise a refused projection is halted.
      if (state.refused !== null && state.status !== 'paused') return { status: 'halted', detail: state.refused };
      return { status: state.status, detail: state.alarm, ...(options.deadly === true && { deadly: true }) };
    },
    run: (mode, signal) => runner.run(mode, signal),
    reset: async (command) => {
      // After any outcome, also an unknown one, the row is read again before the next page.
      runner.invalidate();
      try {
        const done = await reset(sql, { projection, projections, owner, command, failpoint });
        await failpoint?.('reset-committed', projection.name);
        runner.checkpoint.observeLoaded(done.generation);
        if (done.warning !== null)
          log.warn({ projection: name, warning: done.warning }, 'a reset included other projections');
        return { status: done.status };
      } finally {
        options.onReset();
      }
    },
    setPaused: async (paused, command) => {
      // A paused projection passes over no events either.
      runner.invalidate();
      return { status: await setPaused(sql, { name, paused, owner, command }) };
    },
    skip: async (command) => {
      runner.invalidate();
      // The position and the reason must come from an operator.
      if (command === null) throw new EngineError('SKIP_MOVED', { name, where: 'was given no position' });
      await skipEvent(sql, { name, handled: [...projection.handlers.keys()], owner, command });
    },
  };
}
