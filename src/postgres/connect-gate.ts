import { fullJitter } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';

/** Milliseconds between two attempts after a failure: the minimum, and the first and the largest ceiling of the jitter. */
const SPACING = { leastMs: 50, baseMs: 100, capMs: 500 } as const;

/**
 * Limits the attempts to open a connection of a pool. After a failed attempt, one caller tries again after a pause with
 * full jitter; the other callers get the last error immediately. Without the gate, two hundred projections that lost the
 * same database would make two hundred attempts where one gives the same answer.
 */
export class ConnectGate {
  readonly #clock: Pick<Clock, 'now' | 'random'>;
  #failures = 0;
  #error: unknown = null;
  #closedUntil = 0;
  #trying = false;

  constructor(clock: Pick<Clock, 'now' | 'random'>) {
    this.#clock = clock;
  }

  /** @throws the error of `attempt`, or of the last attempt while the pause lasts or another attempt is under way */
  async pass<T>(attempt: () => Promise<T>): Promise<T> {
    if (this.#failures > 0 && (this.#trying || this.#clock.now() < this.#closedUntil)) throw this.#error;
    this.#trying = this.#failures > 0;
    try {
      const result = await attempt();
      this.#failures = 0;
      this.#error = null;
      return result;
    } catch (error) {
      this.#failures += 1;
      this.#error = error;
      this.#closedUntil =
        this.#clock.now() + SPACING.leastMs + fullJitter(this.#failures, SPACING, this.#clock.random());
      throw error;
    } finally {
      this.#trying = false;
    }
  }
}
