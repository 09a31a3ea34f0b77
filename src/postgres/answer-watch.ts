import { setTimeout as pause } from 'node:timers/promises';
import { Client, type ClientBase } from 'pg';
import { cancelRequest } from './cancel-request.ts';
import { ofOurDatabase } from './errors.ts';

/** Milliseconds for which the server is asked again and again to cancel, and may take to do it. */
const CANCEL_WITHIN_MS = 2000;
/** Milliseconds between two requests: each ends one statement, and several may have been sent. */
const AGAIN_MS = 50;

/** Milliseconds after which a peer that was asked to cancel and says nothing counts as gone. */
const SILENT_AFTER_MS = 250;

/** Losses after which the session was as good as before. */
const wellCancelled = new WeakSet<Error>();

/** The server is there and has cancelled what took too long: no reason to doubt its other sessions. */
export function isWellCancelled(error: unknown): boolean {
  return error instanceof Error && wellCancelled.has(error);
}

interface Pending {
  readonly deadline: number;
  readonly reject: (error: Error) => void;
}

/**
 * Waits for the answers of one session, each so long at most. What is given up is cancelled at the server: a statement
 * that waits there for a lock would wait on after its client has gone, and every further attempt would leave one more
 * session behind, until no connection is left for anybody. While it is being cancelled the session keeps its place in the
 * pool, so there are never more sessions than places; it is used again when the server has answered everything.
 */
class AnswerWatch {
  readonly #client: Client;
  readonly #withinMs: number;
  readonly #pending = new Set<Pending>();
  #unanswered = 0;
  #timer: NodeJS.Timeout | null = null;
  #lost: Error | null = null;
  #settling: Promise<boolean> | null = null;

  constructor(client: Client, withinMs: number) {
    this.#client = client;
    this.#withinMs = withinMs;
  }

  /** @throws what `ask` rejects with; the loss of the connection when it takes too long, or one before it has */
  async answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#lost !== null) throw this.#lost;
    return await new Promise<T>((resolve, reject) => {
      const entry: Pending = { deadline: performance.now() + this.#withinMs, reject };
      this.#pending.add(entry);
      this.#unanswered += 1;
      this.#timer ??= setTimeout(() => this.#check(), this.#withinMs);
      const answered = (settle: () => void): void => {
        this.#unanswered -= 1;
        // It was given up: what became of it is no answer any more.
        if (this.#lost !== null) return;
        this.#pending.delete(entry);
        if (this.#pending.size === 0) this.#disarm();
        settle();
      };
      ask().then(
        (value) => answered(() => resolve(value)),
        (error: unknown) => answered(() => reject(error)),
      );
    });
  }

  /** Null: nothing was given up. Else whether the session can be used again, once that is known. */
  get settling(): Promise<boolean> | null {
    return this.#settling;
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    this.#timer = null;
    // In the order sent, which is that of the deadlines too.
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const left = oldest.deadline - performance.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#check(), Math.ceil(left));
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
    // A peer that is there answers a cancelled statement at once; after this time it counts as gone.
    if (await Promise.race([cancelled, pause(SILENT_AFTER_MS, false)])) wellCancelled.add(lost);
    for (const { reject } of this.#pending) reject(lost);
    this.#pending.clear();
    // A transaction is over with it, also one whose work does not mind: what that sends later would run outside of any.
    this.#client.emit('error', lost);
    const fit = await cancelled;
    // When everybody has heard of it.
    await pause(0);
    if (fit) this.#lost = null;
    else this.#client.connection.stream.destroy();
    return fit;
  }

  /** Never rejects. */
  async #cancel(): Promise<boolean> {
    const client = this.#client;
    const until = performance.now() + CANCEL_WITHIN_MS;
    while (this.#unanswered > 0) {
      const left = until - performance.now();
      if (left <= 0 || client.connection.stream.destroyed) return false;
      if (!(await cancelRequest(client, left))) return false;
      if (this.#unanswered > 0) await pause(AGAIN_MS);
    }
    if (client.getTransactionStatus() === 'I') return true;
    const rolledBack = client.query('ROLLBACK').then(
      () => client.getTransactionStatus() === 'I',
      () => false,
    );
    return await Promise.race([rolledBack, pause(CANCEL_WITHIN_MS, false)]);
  }
}

const tasks = new WeakMap<ClientBase, AnswerWatch>();

/** From now on the session's answers have a bound. */
export function watchAnswers(client: ClientBase, withinMs: number): void {
  if (client instanceof Client) tasks.set(client, new AnswerWatch(client, withinMs));
}

/** What was asked over this session, for as long as its answers may take. */
export function answerOf<T>(client: ClientBase, ask: () => Promise<T>): Promise<T> {
  return tasks.get(client)?.answer(ask) ?? ask();
}

/** See `AnswerWatch.settling`. */
export function settlingOf(client: ClientBase): Promise<boolean> | null {
  return tasks.get(client)?.settling ?? null;
}

/** Nobody waits for what the session runs any more: it is cancelled, and the session closed. Never rejects. */
export async function abandon(client: ClientBase): Promise<void> {
  if (!(client instanceof Client)) return;
  if (client.getTransactionStatus() !== null) await cancelRequest(client, 1000);
  client.connection.stream.destroy();
}

function noAnswer(ms: number): Error {
  const error = new Error(`the connection to PostgreSQL was lost: it gave no answer in ${ms} ms`);
  return ofOurDatabase(Object.assign(error, { code: 'CONNECTION_CLOSED' }));
}
