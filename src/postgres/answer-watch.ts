import { Client, type ClientBase } from 'pg';
import type { Clock } from '../core/clock.ts';
import { cancelRequest } from './cancel-request.ts';
import { socketOf } from './driver.ts';
import { ofOurDatabase } from './errors.ts';

/** Milliseconds for which cancel requests are repeated until the server has answered all statements. */
const CANCEL_WITHIN_MS = 2000;
/** Milliseconds between two cancel requests: each ends one statement, and several may have been sent. */
const CANCEL_INTERVAL_MS = 50;

/** Milliseconds after which a peer that does not react to a cancel request counts as gone. */
const SILENT_AFTER_MS = 250;

/** Errors of a lost connection after which the server has cancelled the statements and the session can be used again. */
const wellCancelled = new WeakSet<Error>();

/** True if the server has cancelled the statements that took too long: then its other sessions are likely to be alive. */
export function isWellCancelled(error: unknown): boolean {
  return error instanceof Error && wellCancelled.has(error);
}

interface Pending {
  readonly deadline: number;
  readonly reject: (error: Error) => void;
}

/**
 * Bounds the time for each answer of one session. A statement whose answer takes too long is cancelled at the server:
 * otherwise a statement that waits for a lock would wait on after its client has gone, and every further attempt would
 * leave one more session behind, until max_connections is used up. During the cancellation the session keeps its slot in
 * the pool, so there are never more sessions than slots. It is used again when the server has answered everything.
 */
class AnswerWatch {
  readonly #client: Client;
  readonly #withinMs: number;
  readonly #clock: Clock;
  readonly #pending = new Set<Pending>();
  #unanswered = 0;
  /** Cancels the timer; null while no statement is pending. */
  #cancelTimer: (() => void) | null = null;
  #lost: Error | null = null;
  #settling: Promise<boolean> | null = null;

  constructor(client: Client, withinMs: number, clock: Clock) {
    this.#client = client;
    this.#withinMs = withinMs;
    this.#clock = clock;
  }

  /** @throws the error of `ask`; CONNECTION_CLOSED if this answer, or an earlier one of the session, takes too long */
  async answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#lost !== null) throw this.#lost;
    return await new Promise<T>((resolve, reject) => {
      const entry: Pending = { deadline: this.#clock.now() + this.#withinMs, reject };
      this.#pending.add(entry);
      this.#unanswered += 1;
      this.#cancelTimer ??= this.#clock.later(this.#withinMs, () => this.#check());
      const answered = (settle: () => void): void => {
        this.#unanswered -= 1;
        // The statement was given up: its caller has got the error of a lost connection.
        if (this.#lost !== null) return;
        this.#pending.delete(entry);
        if (this.#pending.size === 0) this.#stopTimer();
        settle();
      };
      ask().then(
        (value) => answered(() => resolve(value)),
        (error: unknown) => answered(() => reject(error)),
      );
    });
  }

  /** Null if no statement was given up. Otherwise resolves with whether the session can be used again. */
  get settling(): Promise<boolean> | null {
    return this.#settling;
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #check(): void {
    this.#cancelTimer = null;
    // The statements are in the order in which they were sent, which is also the order of their deadlines.
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const left = oldest.deadline - this.#clock.now();
    if (left > 0) {
      this.#cancelTimer = this.#clock.later(Math.ceil(left), () => this.#check());
      return;
    }
    const lost = noAnswer(this.#withinMs);
    this.#lost = lost;
    this.#settling = this.#giveUp(lost).finally(() => {
      this.#settling = null;
    });
  }

  /** Never rejects. @returns whether the session can be used again */
  async #giveUp(lost: Error): Promise<boolean> {
    const cancelled = this.#cancel();
    // A live peer answers a cancelled statement within milliseconds.
    if (await Promise.race([cancelled, this.#falseAfter(SILENT_AFTER_MS)])) wellCancelled.add(lost);
    for (const { reject } of this.#pending) reject(lost);
    this.#pending.clear();
    // This ends the transaction, also if its work catches the error: later statements would run outside of it.
    this.#client.emit('error', lost);
    const fit = await cancelled;
    // Callers handle their rejections before the session is used again.
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    if (fit) this.#lost = null;
    else socketOf(this.#client).destroy();
    return fit;
  }

  /** Never rejects. */
  async #cancel(): Promise<boolean> {
    const client = this.#client;
    const until = this.#clock.now() + CANCEL_WITHIN_MS;
    while (this.#unanswered > 0) {
      const left = until - this.#clock.now();
      if (left <= 0 || socketOf(client).destroyed) return false;
      if (!(await cancelRequest(client, left, this.#clock))) return false;
      if (this.#unanswered > 0) await this.#falseAfter(CANCEL_INTERVAL_MS);
    }
    if (client.getTransactionStatus() === 'I') return true;
    const rolledBack = client.query('ROLLBACK').then(
      () => client.getTransactionStatus() === 'I',
      () => false,
    );
    return await Promise.race([rolledBack, this.#falseAfter(CANCEL_WITHIN_MS)]);
  }

  #falseAfter(ms: number): Promise<false> {
    return new Promise((resolve) => this.#clock.later(ms, () => resolve(false)));
  }
}

const watches = new WeakMap<ClientBase, AnswerWatch>();

/** Bounds the time for each answer of the session from now on. */
export function watchAnswers(client: ClientBase, withinMs: number, clock: Clock): void {
  if (client instanceof Client) watches.set(client, new AnswerWatch(client, withinMs, clock));
}

/** Sends a statement by `ask` and waits for its answer, within the bound of the session if it has one. */
export function answerOf<T>(client: ClientBase, ask: () => Promise<T>): Promise<T> {
  return watches.get(client)?.answer(ask) ?? ask();
}

/** See `AnswerWatch.settling`. */
export function settlingOf(client: ClientBase): Promise<boolean> | null {
  return watches.get(client)?.settling ?? null;
}

/** Cancels the running statement of a session whose answer is no longer needed, and closes the session. Never rejects. */
export async function abandon(client: ClientBase, clock: Clock): Promise<void> {
  if (!(client instanceof Client)) return;
  if (client.getTransactionStatus() !== null) await cancelRequest(client, 1000, clock);
  socketOf(client).destroy();
}

function noAnswer(ms: number): Error {
  const error = new Error(`the connection to PostgreSQL was lost: it gave no answer in ${ms} ms`);
  return ofOurDatabase(Object.assign(error, { code: 'CONNECTION_CLOSED' }));
}
