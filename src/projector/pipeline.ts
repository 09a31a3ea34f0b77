import { EngineError } from '../core/errors.ts';
import type { StoredEvent } from '../core/event.ts';
import type { Write } from '../core/statement.ts';
import type { Tx } from '../postgres/pool.ts';
import type { SqlText } from '../read-model/write-sql.ts';
import { adviceOn, toEventFailed } from './event-failure.ts';
import type { PageMetricsRecorder } from './page-metrics.ts';

/** Sends the writes of a page without waiting for each other's answers; the server runs them in the order sent. */
export interface Pipeline {
  send(index: number, sql: SqlText, write: Write): void;
  hasFailed(): boolean;
  /** Waits for everything sent. @throws what failed first, in the order sent: later failures are only its echo */
  settled(): Promise<void>;
}

export function createPipeline(tx: Tx, events: readonly StoredEvent[], recorder?: PageMetricsRecorder): Pipeline {
  let pending: Promise<unknown>[] = [];
  let first: Error | null = null;
  let firstIndex = Number.POSITIVE_INFINITY;
  let answeredAt = 0;
  return {
    send(index: number, sql: SqlText, write: Write): void {
      const event = events[index];
      const sentAt = performance.now();
      pending.push(
        execute(tx, sql).then(
          () => {
            // Until the answer before it the server was at work on that one.
            const began = Math.max(sentAt, answeredAt);
            answeredAt = performance.now();
            if (event !== undefined) recorder?.statement(event.name, answeredAt - began);
          },
          (error: unknown) => {
            if (index >= firstIndex || event === undefined) return;
            first = toEventFailed(error, index, event, sql.text, adviceOn(error, write));
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

/** Sent before it returns: a statement that is only awaited is sent a microtask later, behind one made after it. */
function execute(tx: Tx, sql: SqlText): Promise<unknown> {
  if (sql.counting !== undefined) return executeCounted(tx, sql, sql.counting);
  return tx.unsafe(sql.text, sql.values, { prepare: true, changes: sql.changes }).execute();
}

/** The rows that match are counted before the write: afterwards they may match no more. */
async function executeCounted(tx: Tx, { text, values }: SqlText, counting: SqlText): Promise<void> {
  let written = 0;
  const counted = tx.unsafe<[{ rows: number }]>(counting.text, counting.values, { prepare: true }).execute();
  const write = tx.unsafe(text, values, { prepare: true, changes: (rows) => (written = rows) }).execute();
  const [[{ rows: wanted }]] = await Promise.all([counted, write]);
  if (written !== wanted) throw new EngineError('ROWS_NOT_WRITTEN', { statement: text, written, wanted });
}
