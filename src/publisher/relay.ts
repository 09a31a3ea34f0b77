import { EngineError, isEngineError } from '../core/errors.ts';
import { PUBLISHER_NAME, type PublisherOperations, type RelayOutcome } from '../core/publisher.ts';
import { untilAborted } from '../core/signals.ts';
import { checkHistory } from '../event-store/history.ts';
import { isConnectionLost, isLockNotAvailable } from '../postgres/errors.ts';
import type { Sql, Tx } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';
import type { Progress } from '../projector/progress.ts';
import { advance, lockState, registerPublisher } from '../state/projection-state.ts';
import type { SendChannel, Sender } from './sender.ts';

export interface RelayOptions {
  /** Locks the publisher's row while messages are sent. */
  readonly sql: Sql;
  readonly highWaterMark: Pick<HighWaterMarkSource, 'latest' | 'refresh' | 'epoch' | 'invalidate'>;
  readonly sender: Pick<Sender, 'confirmed' | 'inFlight' | 'canContinue' | 'startFrom' | 'block' | 'sendBatch'>;
  /** The daemon's id. */
  readonly owner: string;
  readonly progress: Progress;
}

/**
 * Sends events in order and stores how far they are confirmed, in batches: lock the row, let the sender send for a moment,
 * store the confirmed prefix, commit. The messages that are then in flight stay in flight and the next batch continues
 * behind them, unless the channel or the stored cursor is another one: then everything after the cursor is sent again.
 *
 * The lock of the row avoids duplicates; the order does not depend on it. Each sender begins at or below the confirmed
 * prefix and leaves nothing out, so if two send at the same time (one was suspended and resumes) the first delivery of
 * each event still comes after those of all events before it.
 */
export class Relay implements PublisherOperations {
  readonly #options: RelayOptions;
  #publishingChannel: SendChannel | null = null;
  /** The row's cursor as last read or written; null when it is not known. */
  #stored: bigint | null = null;
  #epoch = -1;
  #registered = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  opened(publishingChannel: SendChannel): void {
    this.#publishingChannel = publishingChannel;
  }

  ended(): void {
    this.#publishingChannel = null;
    this.blocked(false);
  }

  blocked(blocked: boolean): void {
    this.#options.sender.block(blocked);
  }

  async relay(signal: AbortSignal): Promise<RelayOutcome> {
    const { sql, highWaterMark } = this.#options;
    const publishingChannel = this.#publishingChannel;
    if (publishingChannel === null) return { kind: 'disconnected' };
    const transactionOver = new AbortController();
    let batch: Promise<unknown> = Promise.resolve();
    try {
      if (await this.#nothingToDo()) return { kind: 'published' };
      return await sql.begin('ISOLATION LEVEL READ COMMITTED', (tx) => {
        const until = { signals: [signal, transactionOver.signal] };
        const run = untilAborted(until, (either) => this.#relayBatch(tx, publishingChannel, either));
        batch = run.catch(() => undefined);
        return run;
      });
    } catch (error) {
      // Whether the cursor was committed is not known: the next batch reads the row and sends from there.
      this.#stored = null;
      if (isLockNotAvailable(error)) return { kind: 'locked-by-other' };
      if (isConnectionLost(error)) highWaterMark.invalidate();
      if (isEngineError(error, 'PUBLISHER_HISTORY')) return { kind: 'halted', detail: error.message };
      throw error;
    } finally {
      // A lost connection ends the transaction but not the batch, and two batches must never send over one window.
      transactionOver.abort();
      await batch;
    }
  }

  async #nothingToDo(): Promise<boolean> {
    const { sql, highWaterMark, sender } = this.#options;
    if (!this.#registered) await registerPublisher(sql);
    this.#registered = true;
    if (this.#epoch !== highWaterMark.epoch()) return false;
    const head = highWaterMark.latest() ?? (await highWaterMark.refresh());
    return this.#stored !== null && this.#stored >= head && sender.inFlight === 0;
  }

  async #relayBatch(tx: Tx, publishingChannel: SendChannel, signal: AbortSignal): Promise<RelayOutcome> {
    const { owner, progress, highWaterMark, sender } = this.#options;
    await limitTransaction(tx, owner);
    const row = await lockState(tx, PUBLISHER_NAME);
    if (row === null) throw new EngineError('PROJECTION_ROW_MISSING', { name: PUBLISHER_NAME });
    const sameStore = this.#epoch === highWaterMark.epoch();
    if (this.#stored !== row.cursor || !sameStore || !sender.canContinue(publishingChannel)) {
      this.#epoch = highWaterMark.epoch();
      await checkStored(tx, row.cursor, row.lastEventId);
      sender.startFrom(publishingChannel, row.cursor);
      progress.loaded(row.cursor, row.generation);
    }
    const outcome = await sender.sendBatch(publishingChannel, signal);
    const { confirmed: to } = sender;
    if (to !== row.cursor) {
      const { generation, xid } = row;
      const move = { name: PUBLISHER_NAME, from: row.cursor, to, generation, xid, owner, newest: null, knownTo: to };
      const { moved } = await advance(tx, move);
      if (!moved) throw new EngineError('CURSOR_MOVED', { name: PUBLISHER_NAME });
      progress.applied(0, to, 0);
    }
    this.#stored = to;
    return outcome;
  }
}

/** Limits of this transaction only, so they work behind a pooler too. A batch is idle while it waits for confirms. */
async function limitTransaction(tx: Tx, owner: string): Promise<void> {
  await tx`
    SELECT set_config('application_name', ${`publish:${owner}`.slice(0, 63)}, true),
           set_config('statement_timeout', '10s', true),
           set_config('idle_in_transaction_session_timeout', '15s', true)`;
}

/** @throws EngineError PUBLISHER_HISTORY if the store is not the one whose events were published */
async function checkStored(tx: Tx, cursor: bigint, lastEventId: string | null): Promise<void> {
  try {
    await checkHistory(tx, PUBLISHER_NAME, cursor, lastEventId);
  } catch (error) {
    if (isEngineError(error, 'HISTORY_AHEAD') || isEngineError(error, 'HISTORY_DIVERGED'))
      throw new EngineError('PUBLISHER_HISTORY', { cursor }, { cause: error });
    throw error;
  }
}
