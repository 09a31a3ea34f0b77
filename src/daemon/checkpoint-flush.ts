import { catchError, defer, EMPTY, filter, from, type Subscription, tap, timer } from 'rxjs';
import type { Log } from '../core/log.ts';
import { eventsSql } from '../event-store/event-source.ts';
import { conflateMap } from '../feed/conflate.ts';
import type { Sql } from '../postgres/pool.ts';
import { flushIdleCheckpoints } from '../state/projection-state.ts';
import type { Worker } from './actors.ts';

export interface CheckpointFlushOptions {
  readonly sql: Sql;
  readonly owner: string;
  /** Events that were passed over are not in the store any more. */
  readonly onTakenBack: () => void;
  readonly log: Log;
}

type Workers = ReadonlyMap<string, Pick<Worker, 'runner'>>;

const TICK_MS = 1000;
/** Rows a second on average: each one is a new version of a row, in the log too, and says nothing that memory does not. */
const ROWS_PER_SECOND = 200;
/** What a crash makes the daemon look at again, and how old readviews may be. */
const LONGEST_MS = 10_000;

/** Says when checkpoints are stored: every second, and less often where they are more than 200 rows. */
export class FlushPacer {
  /** Since the last flush. The first one does not wait. */
  #ms = LONGEST_MS;

  /**
   * Once a second.
   * @param wanted a projection waits for another one's row to pass an event: that is not put off
   */
  isDue(rows: number, wanted: boolean): boolean {
    this.#ms += TICK_MS;
    return rows > 0 && (wanted || this.#ms >= Math.min(LONGEST_MS, (rows / ROWS_PER_SECOND) * 1000));
  }

  /** One that failed is tried again with the next tick. */
  flushed(): void {
    this.#ms = 0;
  }
}

/** Stores in one statement how far the projections have passed over events that they do not handle. */
export function flushCheckpoints(workers: Workers, options: CheckpointFlushOptions): Subscription {
  const pacer = new FlushPacer();
  const isDue = (): boolean => {
    const pullers = [...workers.values()].map(({ runner }) => runner);
    const rows = pullers.filter(({ checkpoint }) => checkpoint.pendingFlush !== null).length;
    return pacer.isDue(
      rows,
      pullers.some(({ waitsForAnother }) => waitsForAnother),
    );
  };
  return timer(TICK_MS, TICK_MS)
    .pipe(
      filter(isDue),
      conflateMap(() =>
        defer(() => from(flush(workers, options))).pipe(
          tap(() => pacer.flushed()),
          catchError((error: unknown) => {
            options.log.debug({ err: error }, 'checkpoints not stored, tried again in a moment');
            return EMPTY;
          }),
        ),
      ),
    )
    .subscribe();
}

/** @returns how many projections were moved */
export async function flush(
  workers: Workers,
  { sql, owner, onTakenBack, log }: CheckpointFlushOptions,
): Promise<number> {
  const moves = [...workers].flatMap(([name, { runner }]) => {
    const move = runner.checkpoint.pendingFlush;
    return move === null ? [] : [{ name, ...move }];
  });
  if (moves.length === 0) return 0;
  const stays = new Map((await flushIdleCheckpoints(sql, eventsSql, moves, owner)).map((stay) => [stay.name, stay]));
  for (const { name, from: begun, to, generation } of moves) {
    const { runner } = workers.get(name) ?? {};
    const stay = stays.get(name);
    if (stay === undefined) runner?.checkpoint.observeCursor({ from: begun, cursor: to, generation });
    // Moved by another daemon: from there on, or this one would try the same move for ever.
    else if (stay.cursor !== null && stay.generation === generation)
      runner?.checkpoint.observeCursor({ from: begun, cursor: stay.cursor, generation });
  }
  const takenBack = [...stays.values()].filter((stay) => stay.takenBack);
  if (takenBack.length > 0) {
    log.warn(
      { projections: takenBack.length },
      'events that were passed over are gone from the store; reading it anew',
    );
    onTakenBack();
  }
  return moves.length - stays.size;
}
