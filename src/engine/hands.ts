import { EngineError } from '../core/errors.ts';
import type { ProjectionHands } from '../core/port.ts';
import type { Projection } from '../core/projection.ts';
import { reset } from '../store/reset.ts';
import { readState, setPaused } from '../store/state.ts';
import type { Log } from './log.ts';
import type { PageSettings } from './page-work.ts';
import type { Puller } from './puller.ts';

export interface HandsOptions {
  readonly projection: Projection;
  /** All of this daemon. */
  readonly projections: readonly Projection[];
  readonly puller: Puller;
  readonly settings: Pick<PageSettings, 'sql' | 'owner' | 'failpoint'>;
  readonly log: Log;
  /** A reset has ended, well or not: other projections may have been reset with this one. */
  readonly onReset: () => void;
}

/** Gives a projection's machine its hands: each operation is one thing done to the database. */
export function createHands(options: HandsOptions): ProjectionHands {
  const { projection, projections, puller, log } = options;
  const { sql, owner, failpoint } = options.settings;
  const { name } = projection;
  return {
    open: async () => {
      puller.forget();
      const state = await readState(sql, name);
      if (state === null) throw new EngineError('PROJECTION_ROW_MISSING', { name });
      puller.opened(state.generation);
      return { status: state.status, detail: state.alarm };
    },
    pull: (mode, signal) => puller.pull(mode, signal),
    reset: async () => {
      // Whatever the outcome, also an unknown one: the row is read again before the next page.
      puller.forget();
      try {
        const { generation, status, also } = await reset(sql, { projection, projections, owner, failpoint });
        puller.opened(generation);
        const warning = also.length === 0 ? null : also.map(describeAlso).join('; ');
        if (warning !== null) log.warn({ projection: name, also }, 'a reset took other projections along');
        return { status, warning };
      } finally {
        options.onReset();
      }
    },
    setPaused: (paused) => setPaused(sql, name, paused),
  };
}

function describeAlso({ name, because }: { readonly name: string; readonly because: string }): string {
  return `'${name}' was reset with it, since ${because}`;
}
