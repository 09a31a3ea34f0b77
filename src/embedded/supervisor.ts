import { deathsInARow, fullJitter } from '../core/backoff.ts';
import type { Ended, Server } from './server.ts';
import { delay } from './wait.ts';
import { panicIn } from './why.ts';

/** What becomes of a server after its start. */
export type ServerChange =
  /** It ended without having been stopped, or could not be started again; the next attempt comes in `againInMs`. */
  | { readonly kind: 'ended'; readonly reason: string; readonly deaths: number; readonly againInMs: number }
  /** `adopted`: it is another process's, and outlives ours. */
  | { readonly kind: 'running'; readonly pid: number | undefined; readonly adopted: boolean }
  /** There is nothing left that could be started. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface SupervisorOptions {
  /** Rejects when it cannot be started now. */
  readonly start: (signal: AbortSignal) => Promise<Server>;
  /** Asked before each new start: why it would be in vain, null when it would not. */
  readonly lost: () => Promise<string | null>;
  /** It must not throw. */
  readonly onChange: (change: ServerChange) => void;
  /** Milliseconds that only rise. Default `performance.now`. */
  readonly now?: () => number;
  /** Rejects when aborted. Default a timer. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const BACKOFF = { baseMs: 200, capMs: 30_000 } as const;
/** Longer than the longest backoff: a server that lived so long died of something new. */
const HEALTHY_AFTER_MS = 60_000;

/** Starts a server again whenever it has ended, after a backoff that grows with deaths in a row. `stop` ends both. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #now: () => number;
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  #server: Server | null;
  #deaths = 0;

  constructor(first: Server, options: SupervisorOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#server = first;
    this.#watching = this.#watch(first);
  }

  /** Stops the server, or calls off the start that is under way. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server is being stopped'));
    await this.#server?.stop();
    await this.#watching;
  }

  async #watch(first: Server): Promise<void> {
    for (let server: Server | null = first; server !== null; this.#server = server) {
      const since = this.#now();
      const ended = await server.exited;
      this.#server = null;
      if (this.#stopping.signal.aborted) return;
      this.#deaths = deathsInARow(this.#deaths, this.#now() - since, HEALTHY_AFTER_MS);
      server = await this.#startAgain(reasonOf(ended));
    }
  }

  /** Null when it was called off, or there is nothing left to start. */
  async #startAgain(why: string): Promise<Server | null> {
    const { start, lost, onChange, pause = delay } = this.#options;
    const { signal } = this.#stopping;
    for (let reason = why; ; this.#deaths += 1) {
      try {
        const inVain = await lost();
        if (inVain !== null) {
          onChange({ kind: 'lost', reason: `${reason}; ${inVain}` });
          return null;
        }
        const againInMs = fullJitter(this.#deaths, BACKOFF, Math.random());
        onChange({ kind: 'ended', reason, deaths: this.#deaths, againInMs });
        await pause(againInMs, signal);
        const server = await start(signal);
        // Stopped at the last moment: no other code has a reference to this server.
        if (signal.aborted) await server.stop();
        else onChange({ kind: 'running', pid: server.pid, adopted: server.adopted });
        return server;
      } catch (error) {
        if (signal.aborted) return null;
        reason = error instanceof Error ? error.message : String(error);
      }
    }
  }
}

function reasonOf({ how, output }: Ended): string {
  const panic = panicIn(output);
  return panic === null ? how : `${how}: ${panic}`;
}
