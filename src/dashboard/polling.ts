import { type DaemonClient, RefusedError, UnreachableError } from './daemon-client.ts';
import type { Fleet } from './fleet.ts';

const EVERY_MS = 1_000;
/** A tab in the background only goes on collecting samples for the graphs. */
const HIDDEN_EVERY_MS = 5_000;
/** Delay of a poll after a change, so that several changes share one answer. */
const SOON_MS = 150;

/** The last answer of the daemon, and whether it still answers. */
export interface PollResult {
  /** Null before the first answer. */
  readonly fleet: Fleet | null;
  readonly about: { readonly version: string; readonly daemon: string } | null;
  /** When `fleet` arrived, epoch milliseconds. */
  readonly at: number;
  /** Null while the daemon answers. `since`: epoch milliseconds. */
  readonly unreachable: { readonly since: number; readonly message: string; readonly needsToken: boolean } | null;
}

/** Polls the daemon once a second, one request at a time, for as long as the page is open. */
export class Polling {
  readonly #client: DaemonClient;
  readonly #onPoll: (poll: PollResult) => void;
  #poll: PollResult = { fleet: null, about: null, at: 0, unreachable: null };
  #timer = 0;
  #inFlight = false;
  #pollAgain = false;
  #isSoon = false;

  constructor(client: DaemonClient, onPoll: (poll: PollResult) => void) {
    this.#client = client;
    this.#onPoll = onPoll;
    document.addEventListener('visibilitychange', () => this.soon());
  }

  /** Polls at once, and from then on regularly. */
  start(): void {
    this.#pollIn(0);
  }

  /** Polls in a moment, or right after the request that is in flight. */
  soon(): void {
    if (this.#inFlight) this.#pollAgain = true;
    else if (!this.#isSoon) {
      // The timer is not started again with each change: a stream of changes would postpone the poll for ever.
      this.#isSoon = true;
      this.#pollIn(SOON_MS);
    }
  }

  #pollIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#pollOnce(), ms);
  }

  async #pollOnce(): Promise<void> {
    this.#inFlight = true;
    this.#isSoon = false;
    this.#poll = await this.#request();
    this.#inFlight = false;
    this.#onPoll(this.#poll);
    const soon = this.#pollAgain;
    this.#pollAgain = false;
    this.#pollIn(soon ? SOON_MS : document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
  }

  async #request(): Promise<PollResult> {
    const previous = this.#poll;
    try {
      // After an outage another daemon may answer at this address.
      const about =
        previous.unreachable === null && previous.about !== null ? previous.about : await this.#client.about();
      return { fleet: await this.#client.fleet(), about, at: Date.now(), unreachable: null };
    } catch (error) {
      const since = previous.unreachable?.since ?? Date.now();
      const isKnown = error instanceof RefusedError || error instanceof UnreachableError;
      const message = isKnown ? error.message : String(error);
      const needsToken = error instanceof RefusedError && error.status === 401;
      return { ...previous, unreachable: { since, message, needsToken } };
    }
  }
}
