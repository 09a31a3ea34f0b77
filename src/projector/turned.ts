import { orAborted } from '../core/deadline.ts';
import type { PageTurns } from '../core/page-turns.ts';
import type { Progress } from './progress.ts';

/**
 * Work that begins when its turn comes, also while nobody waits for it. Others may take long with their turns: that says
 * nothing about the projection whose work it is, so waiting for the turn is no stall of its own.
 */
export class Turned<T> {
  /** Rejects with what the work throws, and when it was given up before its turn. */
  readonly result: Promise<T>;
  readonly #turn: Promise<unknown>;
  readonly #givenUp = new AbortController();
  #came = false;

  /** @param turns none: it begins now */
  constructor(turns: PageTurns | undefined, work: () => Promise<T>) {
    const turn = turns?.take(this.#givenUp.signal) ?? Promise.resolve(nothing);
    this.#turn = turn;
    this.result = turn.then(async (giveBack) => {
      if (giveBack === null) throw this.#givenUp.signal.reason;
      this.#came = true;
      try {
        return await work();
      } finally {
        giveBack();
      }
    });
    this.result.catch(() => undefined);
  }

  /** Its turn goes to others, unless it has begun. */
  giveUp(): void {
    this.#givenUp.abort(new Error('given up before its turn came'));
  }

  /** @throws what the work throws; the signal's reason, while the turn has not come */
  async wait(progress: Pick<Progress, 'rests' | 'pulling'>, signal: AbortSignal): Promise<T> {
    if (!this.#came) {
      progress.rests();
      try {
        await orAborted(this.#turn, signal);
      } catch (error) {
        this.giveUp();
        throw error;
      } finally {
        progress.pulling();
      }
    }
    return await this.result;
  }
}

function nothing(): void {}
