import type { Capsule } from '../../core/capsule.ts';
import { EngineError } from '../../core/errors.ts';
import type { FailureRecord, TryReport } from '../../core/failure.ts';
import { untilAborted } from '../../core/signals.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { listFailures } from '../../state/failures.ts';
import { findProjection, tryFailed } from './dry-run.ts';
import { makeFailureSnapshot, type SnapshotEnvironment } from './failure-snapshot.ts';

/** Dry runs and snapshots at the same time: each holds three connections. */
const CONCURRENT = 2;

/** Lists the failed events of a daemon, and runs or exports one. Nothing here writes to the database. */
export class FailureService {
  readonly #environment: SnapshotEnvironment;
  readonly #sql: () => Queryable | null;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** @param sql null while the daemon does not run */
  constructor(environment: SnapshotEnvironment, sql: () => Queryable | null) {
    this.#environment = environment;
    this.#sql = sql;
  }

  async list(name?: string): Promise<readonly FailureRecord[]> {
    if (name !== undefined) findProjection(this.#environment.projections, name);
    return await listFailures(this.#connected(), name ?? null);
  }

  async try(name: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<TryReport> {
    return await this.#carryOut(name, signal, (bounded) => tryFailed(this.#environment, name, bounded));
  }

  async capsule(name: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Capsule> {
    return await this.#carryOut(name, signal, (bounded) => makeFailureSnapshot(this.#environment, name, bounded));
  }

  /** Aborts what is running, and waits until its connections are closed. */
  async stop(): Promise<void> {
    this.#stopped.abort(new EngineError('DAEMON_STOPPED'));
    await Promise.allSettled(this.#running);
  }

  async #carryOut<T>(
    name: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#connected();
    if (this.#running.size >= CONCURRENT) {
      throw new EngineError('TRY_GIVEN_UP', {
        name,
        reason: `${CONCURRENT} others are running; try again in a moment`,
      });
    }
    const stopped = this.#stopped.signal;
    const working = untilAborted({ signals: [stopped, signal] }, work);
    this.#running.add(working);
    try {
      return await working;
    } finally {
      this.#running.delete(working);
    }
  }

  #connected(): Queryable {
    const sql = this.#sql();
    if (sql === null || this.#stopped.signal.aborted) throw new EngineError('DAEMON_STOPPED');
    return sql;
  }
}
