import { orAborted } from '../core/deadline.ts';
import type { PageTurns } from '../core/page-turns.ts';
import type { LockWatch } from './lock-watch.ts';
import type { PageOutcome } from './page-outcome.ts';
import type { Progress } from './progress.ts';

/**
 * A read that starts when its turn for a connection comes, also while no caller awaits it. The wait for the turn depends
 * on the pages of other projections, so it does not count as a stall of this one.
 */
export class QueuedTask<T> {
  /** Rejects with the error of the work, or because it was cancelled before its turn. */
  readonly result: Promise<T>;
  readonly #turn: Promise<unknown>;
  readonly #cancelled = new AbortController();
  #started = false;

  /** @param turns undefined: the work starts immediately */
  constructor(turns: PageTurns | undefined, work: () => Promise<T>) {
    const turn = turns?.take(this.#cancelled.signal) ?? Promise.resolve(nothing);
    this.#turn = turn;
    this.result = turn.then(async (giveBack) => {
      if (giveBack === null) throw this.#cancelled.signal.reason;
      this.#started = true;
      try {
        return await work();
      } finally {
        giveBack();
      }
    });
    this.result.catch(() => undefined);
  }

  /** Leaves the queue. Work that has started goes on. */
  cancel(): void {
    this.#cancelled.abort(new Error('cancelled before its turn came'));
  }

  /** @throws the error of the work; the signal's reason, if it is aborted before the turn comes */
  async wait(progress: Pick<Progress, 'idle' | 'running'>, signal: AbortSignal): Promise<T> {
    if (!this.#started) {
      progress.idle();
      try {
        await orAborted(this.#turn, signal);
      } catch (error) {
        this.cancel();
        throw error;
      } finally {
        progress.running();
      }
    }
    return await this.result;
  }
}

interface Queue {
  readonly turns: PageTurns | undefined;
  readonly locks: LockWatch | undefined;
  readonly name: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /**
   * The page may have to wait for the crash-loop guard, which lets one projection at a time go on. That takes as long as
   * the pages of the others, so it does not count as a stall.
   */
  readonly guarded: boolean;
}

/** Applies a page when its turn for a connection has come. Without `turns` there are enough connections. */
export async function applyInTurn(
  { turns, locks, name, progress, signal, guarded }: Queue,
  apply: () => Promise<PageOutcome>,
): Promise<PageOutcome> {
  if (turns !== undefined) progress.queued();
  const giveBack = turns === undefined ? nothing : await turns.take(signal);
  if (turns !== undefined) progress.dequeued();
  if (giveBack === null) return { kind: 'stopped' };
  if (guarded) progress.idle();
  try {
    return await (locks === undefined ? apply() : locks.during(name, progress, apply));
  } finally {
    giveBack();
  }
}

function nothing(): void {}
