import { catchError, defer, EMPTY, from, type Subscription, timer } from 'rxjs';
import { conflateMap } from '../feed/conflate.ts';
import type { Sql } from '../store/connect.ts';
import { moveIdle } from '../store/state.ts';
import type { Worker } from './actors.ts';
import type { Log } from './log.ts';

/**
 * Once a second, stores in one statement how far the projections have passed over events that they do not handle.
 * A thousand projections that all ignore an event would otherwise write a thousand rows for it.
 */
export function storeIdleMoves(
  workers: ReadonlyMap<string, Pick<Worker, 'puller'>>,
  {
    sql,
    owner,
    log,
    everyMs,
  }: { readonly sql: Sql; readonly owner: string; readonly log: Log; readonly everyMs: number },
): Subscription {
  return timer(everyMs, everyMs)
    .pipe(
      conflateMap(() =>
        defer(() => from(flush(workers, sql, owner))).pipe(
          catchError((error: unknown) => {
            log.debug({ err: error }, 'idle moves not stored, tried again in a moment');
            return EMPTY;
          }),
        ),
      ),
    )
    .subscribe();
}

/** @returns how many projections were moved */
export async function flush(
  workers: ReadonlyMap<string, Pick<Worker, 'puller'>>,
  sql: Sql,
  owner: string,
): Promise<number> {
  const moves = [...workers].flatMap(([name, { puller }]) => {
    const move = puller.idleMove;
    return move === null ? [] : [{ name, ...move }];
  });
  if (moves.length === 0) return 0;
  const moved = new Set(await moveIdle(sql, moves, owner));
  for (const move of moves) if (moved.has(move.name)) workers.get(move.name)?.puller.stored(move);
  return moved.size;
}
