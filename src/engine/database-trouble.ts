import type { Log } from './log.ts';

/** Whether the database answers; told once when it stops and once when it is back, not with every attempt between. */
export class DatabaseTrouble {
  readonly #log: Log;
  readonly #onBack: () => void;
  #away = false;

  /** @param onBack it answers again: who backs off for its sake need not wait any longer */
  constructor(log: Log, onBack: () => void = () => undefined) {
    this.#log = log;
    this.#onBack = onBack;
  }

  get away(): boolean {
    return this.#away;
  }

  readonly refused = (error: unknown): void => {
    if (!this.#away) this.#log.warn({ err: error }, 'the database does not answer; looking again with every hint');
    this.#away = true;
  };

  readonly answered = (): void => {
    if (!this.#away) return;
    this.#away = false;
    this.#log.info({}, 'the database answers again');
    this.#onBack();
  };
}
