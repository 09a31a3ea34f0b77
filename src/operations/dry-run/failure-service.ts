import type { Capsule } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import type { FailureRecord, TryReport } from '../../core/failure.ts';
import { untilAborted } from '../../core/signals.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { listFailures } from '../../state/failures.ts';
import { type CapsulePlace, makeCapsule } from './capsule.ts';
import { findProjection, tryFailed } from './dry-run.ts';

/** Tries at once: each holds three connections. */
const TRIES = 2;

/** What a daemon says about failed events. Nothing here changes anything. */
export class FailureService {
  readonly #place: CapsulePlace;
  readonly #sql: () => Queryable | null;
  readonly #stopped = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  /** `sql`: null while the daemon is not running. */
  constructor(place: CapsulePlace, sql: () => Queryable | null) {
    this.#place = place;
    this.#sql = sql;
  }

  async list(name?: string): Promise<readonly FailureRecord[]> {
    if (name !== undefined) findProjection(this.#place.projections, name);
    return await listFailures(this.#running(), name ?? null);
  }

  async try(name: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<TryReport> {
    return await this.#carryOut(name, signal, (bounded) => tryFailed(this.#place, name, bounded));
  }

  async capsule(name: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Capsule> {
    return await this.#carryOut(name, signal, (bounded) => makeCapsule(this.#place, name, bounded));
  }

  /** Gives up what is under way, and waits for its connections to close. */
  async stop(): Promise<void> {
    this.#stopped.abort(new EngineError('DAEMON_STOPPED'));
    await Promise.allSettled(this.#underWay);
  }

  async #carryOut<T>(
    name: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#running();
    if (this.#underWay.size >= TRIES) {
      throw new EngineError('TRY_GIVEN_UP', { name, reason: `${TRIES} others are under way; try again in a moment` });
    }
    const stopped = this.#stopped.signal;
    const working = untilAborted({ signals: [stopped, signal] }, work);
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
    }
  }

  #running(): Queryable {
    const sql = this.#sql();
    if (sql === null || this.#stopped.signal.aborted) throw new EngineError('DAEMON_STOPPED');
    return sql;
  }
}
