import type { StoredEvent } from '../core/event.ts';
import type { Tx } from '../postgres/pool.ts';
import type { SqlText, Write } from '../read-model/write-sql.ts';
import { hintOf, toEventFailed } from './event-failure.ts';
import type { PageMeter } from './page-metrics.ts';

/** Sends the writes of a page without waiting for each other's answers; the server runs them in the order sent. */
export interface Pipeline {
  send(index: number, sql: SqlText, write: Write): void;
  hasFailed(): boolean;
  /** Waits for everything sent. @throws what failed first, in the order sent: later failures are only its echo */
  settled(): Promise<void>;
}

export function createPipeline(tx: Tx, events: readonly StoredEvent[], meter?: PageMeter): Pipeline {
  let pending: Promise<unknown>[] = [];
  let first: Error | null = null;
  let firstIndex = Number.POSITIVE_INFINITY;
  let answeredAt = 0;
  return {
    send(index: number, sql: SqlText, write: Write): void {
      const event = events[index];
      const sentAt = performance.now();
      const query = tx.unsafe(sql.text, sql.values, { prepare: true, changes: sql.changes });
      pending.push(
        query.then(
          () => {
            // Until the answer before it the server was at work on that one.
            const began = Math.max(sentAt, answeredAt);
            answeredAt = performance.now();
            if (event !== undefined) meter?.statement(event.name, answeredAt - began);
          },
          (error: unknown) => {
            if (index >= firstIndex || event === undefined) return;
            first = toEventFailed(error, index, event, sql.text, hintOf(error, write));
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
