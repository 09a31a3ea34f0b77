import type { StoredEvent } from '../core/event.ts';
import type { Tx } from '../store/connect.ts';
import type { SqlText } from '../store/statement-sql.ts';
import { toEventFailed } from './event-failure.ts';

/** Sends the writes of a page without waiting for each other's answers; the server runs them in the order sent. */
export interface Pipeline {
  send(index: number, sql: SqlText): void;
  hasFailed(): boolean;
  /** Waits for everything sent. @throws what failed first, in the order sent: later failures are only its echo */
  settled(): Promise<void>;
}

export function createPipeline(tx: Tx, events: readonly StoredEvent[]): Pipeline {
  let pending: Promise<unknown>[] = [];
  let first: Error | null = null;
  let firstIndex = Number.POSITIVE_INFINITY;
  return {
    send(index: number, sql: SqlText): void {
      const event = events[index];
      const query = tx.unsafe(sql.text, sql.values, { prepare: true });
      pending.push(
        query.then(
          () => undefined,
          (error: unknown) => {
            if (index >= firstIndex || event === undefined) return;
            first = toEventFailed(error, index, event, sql);
            firstIndex = index;
          },
        ),
      );
    },
    hasFailed: () => first !== null,
    async settled(): Promise<void> {
      const sent = pending;
      pending = [];
      await Promise.all(sent);
      if (first !== null) throw first;
    },
  };
}
