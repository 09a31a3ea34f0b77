import { EngineError, isEngineError } from '../core/errors.ts';
import { PUBLISHER_NAME, type PublisherOperations, type RelayOutcome } from '../core/publisher.ts';
import { untilAborted } from '../core/signals.ts';
import { eventsSql } from '../event-store/event-source.ts';
import { checkHistory } from '../event-store/history.ts';
import { isConnectionLost, isLockNotAvailable } from '../postgres/errors.ts';
import type { Sql, Tx } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';
import type { Progress } from '../projector/progress.ts';
import { advance, lockState, registerPublisher } from '../state/projection-state.ts';
import type { PublishingChannel } from './publishing-channel.ts';
import type { Sender } from './sender.ts';

export interface RelayOptions {
  /** Holds the publisher's row while messages are sent. */
  readonly sql: Sql;
  readonly highWaterMark: HighWaterMarkSource;
  readonly sender: Sender;
  /** The daemon's id. */
  readonly owner: string;
  readonly progress: Progress;
}

/**
 * Sends events in order and keeps how far they are confirmed, in spells: lock the row, let the sender send for a moment,
 * store the confirmed prefix, commit. What is then in flight stays in flight and the next spell goes on behind it, unless
 * the channel or the stored cursor is another one: then everything after the cursor is sent again.
 *
 * The row's lock spares duplicates; order does not rest on it. Whoever sends begins at or below what is confirmed and
 * leaves nothing out, so of two that send at once (one was frozen, and wakes) each event's first delivery still comes
 * after those of all before it.
 */
export class Relay implements PublisherOperations {
  readonly #options: RelayOptions;
  #publishingChannel: PublishingChannel | null = null;
  #blocked = false;
  /** The row's cursor as last seen or written; null when it is not known. */
  #stored: bigint | null = null;
  #epoch = -1;
  #registered = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  opened(publishingChannel: PublishingChannel): void {
    this.#publishingChannel = publishingChannel;
  }

  ended(): void {
    this.#publishingChannel = null;
    this.blocked(false);
  }

  blocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.#options.sender.block(blocked);
  }

  async relay(signal: AbortSignal): Promise<RelayOutcome> {
    const { sql, highWaterMark } = this.#options;
    const publishingChannel = this.#publishingChannel;
    if (publishingChannel === null) return { kind: 'disconnected' };
    if (this.#blocked) return { kind: 'blocked' };
    const over = new AbortController();
    let spell: Promise<unknown> = Promise.resolve();
    try {
      if (await this.#nothingToDo()) return { kind: 'published' };
      return await sql.begin('ISOLATION LEVEL READ COMMITTED', (tx) => {
        const until = { signals: [signal, over.signal] };
        const run = untilAborted(until, (either) => this.#spell(tx, publishingChannel, either));
        spell = run.catch(() => undefined);
        return run;
      });
    } catch (error) {
      // Where the row stands now is not known: the next spell reads it, and sends from there.
      this.#stored = null;
      if (isLockNotAvailable(error)) return { kind: 'locked-by-other' };
      if (isConnectionLost(error)) highWaterMark.invalidate();
      if (isEngineError(error, 'PUBLISHER_HISTORY')) return { kind: 'halted', detail: error.message };
      throw error;
    } finally {
      // A lost connection ends the transaction, not the one who sends: two must never send over one window.
      over.abort();
      await spell;
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

  async #spell(tx: Tx, publishingChannel: PublishingChannel, signal: AbortSignal): Promise<RelayOutcome> {
    const { owner, progress, highWaterMark, sender } = this.#options;
    await limitTransaction(tx, owner);
    const row = await lockState(tx, PUBLISHER_NAME);
    if (row === null) throw new EngineError('PROJECTION_ROW_MISSING', { name: PUBLISHER_NAME });
    if (this.#stored !== row.cursor || this.#epoch !== highWaterMark.epoch() || !sender.goesOn(publishingChannel)) {
      this.#epoch = highWaterMark.epoch();
      await checkStored(tx, row.cursor, row.lastEventId);
      sender.begin(publishingChannel, row.cursor);
      progress.loaded(row.cursor, row.generation);
    }
    const outcome = await sender.spell(publishingChannel, signal);
    const { confirmed: to } = sender;
    if (to !== row.cursor) {
      const { generation, xid } = row;
      const move = { name: PUBLISHER_NAME, from: row.cursor, to, generation, xid, owner, newest: null, knownTo: to };
      const { moved } = await advance(tx, eventsSql, move);
      if (!moved) throw new EngineError('CURSOR_MOVED', { name: PUBLISHER_NAME });
      progress.applied(0, to, 0);
    }
    this.#stored = to;
    return outcome;
  }
}

/** For this transaction only: it holds behind a pooler too. A spell is idle while it waits for confirms. */
async function limitTransaction(tx: Tx, owner: string): Promise<void> {
  await tx`
    SELECT set_config('application_name', ${`publish:${owner}`.slice(0, 63)}, true),
           set_config('statement_timeout', '10s', true),
           set_config('idle_in_transaction_session_timeout', '15s', true)`;
}

/** @throws EngineError PUBLISHER_HISTORY where the store is not the one whose events were published */
async function checkStored(tx: Tx, cursor: bigint, lastEventId: string | null): Promise<void> {
  try {
    await checkHistory(tx, PUBLISHER_NAME, cursor, lastEventId);
  } catch (error) {
    if (isEngineError(error, 'HISTORY_AHEAD') || isEngineError(error, 'HISTORY_DIVERGED'))
      throw new EngineError('PUBLISHER_HISTORY', { cursor }, { cause: error });
    throw error;
  }
}
