import { type DaemonClient, RefusedError, UnreachableError } from './daemon-client.ts';
import type { Fleet } from './fleet.ts';

const EVERY_MS = 1_000;
/** Nobody looks at a tab in the background; it only keeps its samples going. */
const HIDDEN_EVERY_MS = 5_000;
/** After something has happened; what else happens meanwhile is in the same answer. */
const SOON_MS = 150;

/** What the daemon said last, and whether it still says anything. */
export interface PollResult {
  /** Null: it has not answered yet. */
  readonly fleet: Fleet | null;
  readonly about: { readonly version: string; readonly daemon: string } | null;
  /** When `fleet` came, epoch milliseconds. */
  readonly at: number;
  /** Null while it answers. */
  readonly databaseError: { readonly since: number; readonly message: string; readonly needsToken: boolean } | null;
}

/** Asks the daemon once a second, one question at a time, for as long as the page is open. */
export class Polling {
  readonly #client: DaemonClient;
  readonly #onPoll: (poll: PollResult) => void;
  #poll: PollResult = { fleet: null, about: null, at: 0, databaseError: null };
  #timer = 0;
  #asking = false;
  #again = false;
  #isSoon = false;

  constructor(client: DaemonClient, onPoll: (poll: PollResult) => void) {
    this.#client = client;
    this.#onPoll = onPoll;
    document.addEventListener('visibilitychange', () => this.soon());
  }

  /** For the first time, at once. */
  start(): void {
    this.#askIn(0);
  }

  /** In a moment, or right after the answer that is under way: something has happened. */
  soon(): void {
    if (this.#asking) this.#again = true;
    else if (!this.#isSoon) {
      // Not later with each that happens: many at once would put it off for ever.
      this.#isSoon = true;
      this.#askIn(SOON_MS);
    }
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#isSoon = false;
    this.#poll = await this.#answer();
    this.#asking = false;
    this.#onPoll(this.#poll);
    const soon = this.#again;
    this.#again = false;
    this.#askIn(soon ? SOON_MS : document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
  }

  async #answer(): Promise<PollResult> {
    const before = this.#poll;
    try {
      // After trouble another daemon may answer at this address.
      const about = before.databaseError === null && before.about !== null ? before.about : await this.#client.about();
      return { fleet: await this.#client.fleet(), about, at: Date.now(), databaseError: null };
    } catch (error) {
      const since = before.databaseError?.since ?? Date.now();
      const told = error instanceof RefusedError || error instanceof UnreachableError;
      const message = told ? error.message : String(error);
      const needsToken = error instanceof RefusedError && error.status === 401;
      return { ...before, databaseError: { since, message, needsToken } };
    }
  }
}
