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
  /** Called when events that were passed over are no longer in the store. */
  readonly onTakenBack: () => void;
  readonly log: Log;
}

type Workers = ReadonlyMap<string, Pick<Worker, 'runner'>>;

const TICK_MS = 1000;
/** Rows a second on average: each is a new row version and WAL, for a position that memory has already. */
const ROWS_PER_SECOND = 200;
/** Greatest time between flushes: after a crash so much is read again, and readviews may be so old. */
const LONGEST_MS = 10_000;

/** Decides when checkpoints are stored: every second, and less often if there are more than 200 rows. */
export class FlushPacer {
  /** Milliseconds since the last flush. The first flush does not wait. */
  #ms = LONGEST_MS;

  /**
   * Called once a second.
   * @param wanted a projection waits until the row of another one has passed an event: such a flush is not delayed
   */
  isDue(rows: number, wanted: boolean): boolean {
    this.#ms += TICK_MS;
    return rows > 0 && (wanted || this.#ms >= Math.min(LONGEST_MS, (rows / ROWS_PER_SECOND) * 1000));
  }

  /** Not called after a failed flush, which is tried again with the next tick. */
  flushed(): void {
    this.#ms = 0;
  }
}

/** Stores in one statement the positions up to which projections have passed over events that they do not handle. */
export function flushCheckpoints(workers: Workers, options: CheckpointFlushOptions): Subscription {
  const pacer = new FlushPacer();
  const isDue = (): boolean => {
    const runners = [...workers.values()].map(({ runner }) => runner);
    const rows = runners.filter(({ checkpoint }) => checkpoint.pendingFlush !== null).length;
    return pacer.isDue(
      rows,
      runners.some(({ waitsForAnother }) => waitsForAnother),
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
    // Moved by another daemon: without its position this daemon would try the same move for ever.
    else if (stay.cursor !== null && stay.generation === generation)
      runner?.checkpoint.observeCursor({ from: begun, cursor: stay.cursor, generation });
  }
  const takenBack = [...stays.values()].filter((stay) => stay.takenBack);
  if (takenBack.length > 0) {
    log.warn(
      { projections: takenBack.length },
      'events that were passed over are no longer in the store; it is read again',
    );
    onTakenBack();
  }
  return moves.length - stays.size;
}
