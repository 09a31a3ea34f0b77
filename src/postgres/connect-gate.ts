import { fullJitter } from '../core/backoff.ts';

/** Milliseconds between two attempts after failed ones: at least, and the first and greatest ceiling of what is added. */
const SPACING = { leastMs: 50, baseMs: 100, capMs: 500 } as const;

/**
 * Stands before everybody who wants a new connection of a pool. After an attempt that failed, one of them tries again a
 * moment later; the others hear at once what went wrong. Without it two hundred projections that lost the same database
 * would knock two hundred times where once tells the same.
 */
export class ConnectGate {
  readonly #now: () => number;
  readonly #random: () => number;
  #failures = 0;
  #error: unknown = null;
  #closedUntil = 0;
  #trying = false;

  constructor(now: () => number = () => performance.now(), random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** @throws what `attempt` throws; what the last one threw, while it is too early for the next */
  async pass<T>(attempt: () => Promise<T>): Promise<T> {
    if (this.#failures > 0 && (this.#trying || this.#now() < this.#closedUntil)) throw this.#error;
    this.#trying = this.#failures > 0;
    try {
      const result = await attempt();
      this.#failures = 0;
      this.#error = null;
      return result;
    } catch (error) {
      this.#failures += 1;
      this.#error = error;
      this.#closedUntil = this.#now() + SPACING.leastMs + fullJitter(this.#failures, SPACING, this.#random());
      throw error;
    } finally {
      this.#trying = false;
    }
  }
}
