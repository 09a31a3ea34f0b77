import { describeError } from '../core/describe-error.ts';
import type { Log } from '../core/log.ts';
import { isConnectionLost } from '../postgres/errors.ts';

/**
 * Whether the database answers the polls. The log says so once when it stops and once when it is back, not with every
 * attempt between.
 */
export class DatabaseAvailability {
  readonly #log: Log;
  readonly #examine: () => void;
  readonly #onBack: () => void;
  #since: Date | null = null;
  #refusal: string | null = null;

  /**
   * @param examine a poll was refused, or answered again after that: the store is to be checked now, since a refused poll
   * comes to no scheduled check, and the check alone says what to do
   * @param onBack it answers again: what backs off for its sake need not wait any longer
   */
  constructor(log: Log, examine: () => void = () => undefined, onBack: () => void = () => undefined) {
    this.#log = log;
    this.#examine = examine;
    this.#onBack = onBack;
  }

  get away(): boolean {
    return this.#since !== null;
  }

  /** Why no event is found although the database is there; null where it is away, or answers. */
  get detail(): string | null {
    if (this.#since === null || this.#refusal === null) return null;
    return `no event can be found since ${this.#since.toISOString().slice(0, 19)}Z: ${this.#refusal}`;
  }

  readonly refused = (error: unknown): void => {
    const lost = isConnectionLost(error);
    this.#refusal = lost ? null : describeError(error);
    if (!lost) this.#examine();
    if (this.#since !== null) return;
    this.#since = new Date();
    const what = lost ? 'the database does not answer' : 'the database refuses to be polled for events';
    this.#log.warn({ err: error }, `${what}; looking again with every hint`);
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
