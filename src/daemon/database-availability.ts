import { type Clock, systemClock } from '../core/clock.ts';
import { describeError } from '../core/describe-error.ts';
import type { Log } from '../core/log.ts';
import { isConnectionLost } from '../postgres/errors.ts';

/**
 * Whether the database answers the polls. It is logged once when the database stops answering and once when it answers
 * again, not with every attempt between.
 */
export class DatabaseAvailability {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #examine: () => void;
  readonly #onBack: () => void;
  /** Milliseconds since 1970. */
  #since: number | null = null;
  #refusal: string | null = null;

  /**
   * @param examine called when a poll was refused, and when polls succeed again: the store must be checked now, since a
   *   refused poll leads to no scheduled check, and only the check says what to do
   * @param onBack called when the database answers again: projections that back off need not wait any longer
   */
  constructor(log: Log, examine = (): void => undefined, onBack = (): void => undefined, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#log = log;
    this.#examine = examine;
    this.#onBack = onBack;
  }

  get away(): boolean {
    return this.#since !== null;
  }

  /** Why no event is found although the database can be reached; null if it is away, or answers. */
  get detail(): string | null {
    if (this.#since === null || this.#refusal === null) return null;
    return `no event can be found since ${new Date(this.#since).toISOString().slice(0, 19)}Z: ${this.#refusal}`;
  }

  readonly refused = (error: unknown): void => {
    const lost = isConnectionLost(error);
    this.#refusal = lost ? null : describeError(error);
    if (!lost) this.#examine();
    if (this.#since !== null) return;
    this.#since = this.#clock.wallClock();
    const what = lost ? 'the database does not answer' : 'the database refuses to be polled for events';
    this.#log.warn({ err: error }, `${what}; every wakeup polls again`);
  };

  readonly answered = (): void => {
    if (this.#since === null) return;
    this.#since = null;
    this.#refusal = null;
    this.#log.info({}, 'the database answers again');
    this.#examine();
    this.#onBack();
  };
}
