import { mergeMap, Subject } from 'rxjs';
import { orAborted, orLate } from '../core/deadline.ts';
import type { Halt, OnHalt } from '../core/halt.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../core/signals.ts';
import type { Sql } from '../postgres/pool.ts';
import { readHalt } from '../state/failures.ts';
import type { Transition } from './api.ts';

/** At once at most: a thousand projections may halt together. */
const TELLING = 4;
const READ_MS = 5_000;

export interface HaltNotifierOptions {
  readonly sql: Sql;
  /** Of this daemon. */
  readonly id: string;
  /** By what they are called in the log. */
  readonly receivers: Readonly<Record<string, OnHalt>>;
  /** Of a halt for which no event is at fault; null for any other. */
  readonly historyCode: (name: string) => string | null;
  readonly log: Log;
  /** Of one receiver with one halt, all its tries together. Default 30 s. */
  readonly withinMs?: number;
}

/**
 * Tells of halts. Each is told once: again only when the projection has left `failed` in between. Nothing waits for it,
 * and no receiver can harm a projection or another receiver.
 */
export class HaltNotifier {
  readonly #options: HaltNotifierOptions;
  readonly #changes = new Subject<Transition>();
  readonly #told = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: HaltNotifierOptions) {
    this.#options = options;
    this.#done = new Promise((resolve) => {
      this.#changes
        .pipe(mergeMap((change) => this.#tell(change), TELLING))
        .subscribe({ complete: resolve, error: () => resolve() });
    });
  }

  /** With every change of state. Never throws. */
  heard(change: Transition): void {
    const { name, to } = change;
    if (!to.startsWith('failed')) this.#told.delete(name);
    else if (to === 'failed.halted' && !this.#told.has(name)) {
      this.#told.add(name);
      this.#changes.next(change);
    }
  }

  /** What is being told is given up. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the daemon is stopping'));
    this.#changes.complete();
    await this.#done;
  }

  async #tell(change: Transition): Promise<void> {
    const { receivers, log } = this.#options;
    if (this.#stopped.signal.aborted || Object.keys(receivers).length === 0) return;
    const halt = await this.#describe(change);
    await Promise.all(
      Object.entries(receivers).map(async ([receiver, onHalt]) => {
        const about = { projection: halt.projection, position: halt.position, receiver };
        const until = { signals: [this.#stopped.signal], ms: this.#options.withinMs ?? 30_000 };
        try {
          await untilAborted(until, (signal) => orAborted(Promise.resolve(onHalt(halt, { signal })), signal));
          log.info(about, 'a halt was told');
        } catch (error) {
          log.warn({ ...about, err: error }, 'a halt could not be told');
        }
      }),
    );
  }

  /** Stored before the change was announced. Where it cannot be read, or no event is at fault, the state says why. */
  async #describe({ name: projection, detail }: Transition): Promise<Halt> {
    const { sql, id: daemon, log, historyCode } = this.#options;
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
      at: new Date().toISOString(),
      daemon,
    };
  }
}
