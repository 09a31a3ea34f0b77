import type { Log } from './log.ts';

/** Whether the database answers; told once when it stops and once when it is back, not with every attempt between. */
export class DatabaseTrouble {
  readonly #log: Log;
  #away = false;

  constructor(log: Log) {
    this.#log = log;
  }

  get away(): boolean {
    return this.#away;
  }

  readonly refused = (error: unknown): void => {
    if (!this.#away) this.#log.warn({ err: error }, 'the database does not answer; looking again with every hint');
    this.#away = true;
  };

  readonly answered = (): void => {
    if (this.#away) this.#log.info({}, 'the database answers again');
    this.#away = false;
  };
}
