import type { HistoryEvent } from '../../examples/dancefinder/history.ts';
import { append } from '../../src/event-store/append.ts';
import type { Sql } from '../../src/postgres/pool.ts';

/** Appends a history in transactions of `size` events, one after the other. @returns the number of appended events */
export async function appendInBatches(
  sql: Sql,
  history: Iterable<HistoryEvent>,
  { size, until }: { readonly size: number; readonly until?: () => boolean },
): Promise<number> {
  let batch: HistoryEvent[] = [];
  let appended = 0;
  for (const event of history) {
    batch.push(event);
    if (batch.length < size) continue;
    await append(sql, batch);
    appended += batch.length;
    batch = [];
    if (until?.() === true) return appended;
  }
  await append(sql, batch);
  return appended + batch.length;
}

/** The next events of a history, at most `count`. */
export function take(history: Iterator<HistoryEvent>, count: number): readonly HistoryEvent[] {
  return Array.from({ length: count }, () => history.next()).flatMap(({ done, value }) =>
    done === true ? [] : [value as HistoryEvent],
  );
}
