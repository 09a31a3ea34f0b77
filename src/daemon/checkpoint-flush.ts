import { catchError, defer, EMPTY, from, type Subscription, timer } from 'rxjs';
import type { Log } from '../core/log.ts';
import { conflateMap } from '../feed/conflate.ts';
import type { Sql } from '../postgres/pool.ts';
import { moveIdle } from '../state/projection-state.ts';
import type { Worker } from './actors.ts';

export interface IdleMovesOptions {
  readonly sql: Sql;
  readonly owner: string;
  /** Events that were passed over are not in the store any more. */
  readonly onTakenBack: () => void;
  readonly log: Log;
}

type Workers = ReadonlyMap<string, Pick<Worker, 'puller'>>;

/**
 * Once a second, stores in one statement how far the projections have passed over events that they do not handle.
 * A thousand projections that all ignore an event would otherwise write a thousand rows for it.
 */
export function storeIdleMoves(workers: Workers, options: IdleMovesOptions, everyMs = 1000): Subscription {
  return timer(everyMs, everyMs)
    .pipe(
      conflateMap(() =>
        defer(() => from(flush(workers, options))).pipe(
          catchError((error: unknown) => {
            options.log.debug({ err: error }, 'idle moves not stored, tried again in a moment');
            return EMPTY;
          }),
        ),
      ),
    )
    .subscribe();
}

/** @returns how many projections were moved */
export async function flush(workers: Workers, { sql, owner, onTakenBack, log }: IdleMovesOptions): Promise<number> {
  const moves = [...workers].flatMap(([name, { puller }]) => {
    const move = puller.checkpoint.idleMove;
    return move === null ? [] : [{ name, ...move }];
  });
  if (moves.length === 0) return 0;
  const stays = new Map((await moveIdle(sql, moves, owner)).map((stay) => [stay.name, stay]));
  for (const { name, from: begun, to, generation } of moves) {
    const { puller } = workers.get(name) ?? {};
    const stay = stays.get(name);
    if (stay === undefined) puller?.checkpoint.found({ from: begun, cursor: to, generation });
    // Moved by another daemon: from there on, or this one would try the same move for ever.
    else if (stay.cursor !== null && stay.generation === generation)
      puller?.checkpoint.found({ from: begun, cursor: stay.cursor, generation });
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
