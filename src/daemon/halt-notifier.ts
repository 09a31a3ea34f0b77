import { mergeMap, Subject } from 'rxjs';
import { type Clock, systemClock } from '../core/clock.ts';
import { orAborted, orLate } from '../core/deadline.ts';
import type { Halt, OnHalt } from '../core/halt.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../core/signals.ts';
import type { Sql } from '../postgres/pool.ts';
import { readHalt } from '../state/failures.ts';
import type { Transition } from './api.ts';

/** Notifications in progress at the same time: a thousand projections may halt together. */
const CONCURRENT = 4;
const READ_MS = 5_000;

export interface HaltNotifierOptions {
  readonly sql: Sql;
  /** Id of this daemon. */
  readonly id: string;
  /** By their names in the log. */
  readonly receivers: Readonly<Record<string, OnHalt>>;
  /** Error code of a halt that no event caused; null for any other. */
  readonly historyCode: (name: string) => string | null;
  readonly log: Log;
  /** Time for one receiver and one halt, all tries together. Default 30 s. */
  readonly withinMs?: number;
  readonly clock?: Clock;
}

/**
 * Notifies receivers of halts. Each halt is notified once, and again only after the projection has left `failed`. Nothing
 * waits for it, and a receiver cannot affect a projection or another receiver.
 */
export class HaltNotifier {
  readonly #options: HaltNotifierOptions;
  readonly #changes = new Subject<Transition>();
  readonly #notified = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: HaltNotifierOptions) {
    this.#options = options;
    this.#done = new Promise((resolve) => {
      this.#changes
        .pipe(mergeMap((change) => this.#notify(change), CONCURRENT))
        .subscribe({ complete: resolve, error: () => resolve() });
    });
  }

  /** Called with every change of state. Never throws. */
  onTransition(change: Transition): void {
    const { name, to } = change;
    if (!to.startsWith('failed')) this.#notified.delete(name);
    else if (to === 'failed.halted' && !this.#notified.has(name)) {
      this.#notified.add(name);
      this.#changes.next(change);
    }
  }

  /** Aborts notifications in progress. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the daemon is stopping'));
    this.#changes.complete();
    await this.#done;
  }

  async #notify(change: Transition): Promise<void> {
    const { receivers, log } = this.#options;
    if (this.#stopped.signal.aborted || Object.keys(receivers).length === 0) return;
    const halt = await this.#describe(change);
    await Promise.all(
      Object.entries(receivers).map(async ([receiver, onHalt]) => {
        const about = { projection: halt.projection, position: halt.position, receiver };
        const until = { signals: [this.#stopped.signal], ms: this.#options.withinMs ?? 30_000 };
        try {
          await untilAborted(until, (signal) => orAborted(Promise.resolve(onHalt(halt, { signal })), signal));
          log.info(about, 'a receiver was notified of a halt');
        } catch (error) {
          log.warn({ ...about, err: error }, 'a receiver could not be notified of a halt');
        }
      }),
    );
  }

  /** The failure was stored before the change was reported. If it cannot be read, or no event caused the halt, the state has the reason. */
  async #describe({ name: projection, detail }: Transition): Promise<Halt> {
    const { sql, id: daemon, log, historyCode, clock = systemClock } = this.#options;
    const until = { signals: [this.#stopped.signal], ms: READ_MS };
    const stored = await orLate(readHalt(sql, projection), until).catch((error: unknown) => {
      log.debug({ projection, err: error }, 'the failure of a halt was not read');
      return null;
    });
    if (stored !== null) return { projection, ...stored, daemon };
    const nothing = { position: null, eventId: null, eventName: null, sqlstate: null, attempts: 0 };
    return {
      projection,
      ...nothing,
      code: historyCode(projection),
      error: detail ?? 'halted',
      at: new Date(clock.wallClock()).toISOString(),
      daemon,
    };
  }
}
