import { fullJitter } from '../core/backoff.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { checkDatabase, checkStore, unusable } from '../event-store/checks.ts';
import { migrate } from '../event-store/migrate.ts';
import { isTransient, sqlstateOf } from '../postgres/errors.ts';
import { connect, describeAddress } from '../postgres/pool.ts';
import { noteStart, type StartNote } from '../state/attempts.ts';
import { checkReserved } from '../state/overlaps.ts';
import { register } from '../state/register.ts';
import { checkTables } from './check-tables.ts';
import type { PoolOptions, Pools } from './pools.ts';

export interface PrepareOptions extends Omit<PoolOptions, 'onControlClosed' | 'timeouts'> {
  readonly owners: TableOwners;
  readonly notify: boolean;
  /** Whether the start may create an event store in a database that has one in another schema. */
  readonly secondStore: boolean;
  readonly log: Log;
  /** Aborted when the daemon stops. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** About 20 s in all, waits of up to 3 s between them. */
const ATTEMPTS = 12;
const BACKOFF = { baseMs: 200, capMs: 3000 } as const;

/**
 * Checks and migrates the database, and registers the projections. Locks of other daemons may be in the way, and a server
 * may end its sessions: transient errors are tried again.
 * @returns what is stored about earlier processes
 * @throws EngineError if the database cannot be used; DAEMON_STOPPED
 */
export async function prepareDatabase(pools: Pools, options: PrepareOptions): Promise<ReadonlyMap<string, StartNote>> {
  const { database, log, signal, clock = systemClock } = options;
  let reached = false;
  for (let attempt = 1; ; attempt++) {
    try {
      await checkDatabase(pools.control, database);
      reached = true;
      return await prepare(pools, options);
    } catch (error) {
      if (signal.aborted) throw new EngineError('DAEMON_STOPPED', {}, { cause: error });
      // If the database was never reached, its address is probably wrong.
      if (!reached || attempt === ATTEMPTS || !passes(error))
        throw isTimedOut(error) ? unusable(error, database) : error;
      log.warn({ err: error, attempt }, 'the database could not be prepared and is tried again in a moment');
    }
    const ms = 20 + fullJitter(attempt, BACKOFF, clock.random());
    await clock.sleep(ms, signal).catch(() => undefined);
  }
}

/** The statement_timeout of a role may be too short even for the short statements of the start. */
function isTimedOut(error: unknown): boolean {
  return !isEngineError(error) && sqlstateOf(error) === '57014';
}

/** Also a transient error that another one wraps. */
function passes(error: unknown): boolean {
  return isTransient(error) || (error instanceof Error && error.cause !== undefined && passes(error.cause));
}

async function prepare(pools: Pools, options: PrepareOptions): Promise<ReadonlyMap<string, StartNote>> {
  const { projections, owners, notify, log } = options;
  await migrateAtStart(options);
  await checkStore(pools.control, { notify });
  await checkTables(pools.control, owners);
  await checkReserved(pools.control, projections);
  for (const [projection, reason] of await register(pools.work, projections)) {
    log.error({ projection, reason }, 'a projection was refused its tables and does not run; the others go on');
  }
  return await noteStart(
    pools.work,
    projections.map(({ name }) => name),
  );
}

/** Over a separate connection: a migration may take long (an index on a large table). */
async function migrateAtStart({
  database,
  projections,
  id,
  notify,
  secondStore,
  log,
  signal,
  ...path
}: PrepareOptions): Promise<void> {
  const sql = connect({ address: database, ...path, applicationName: `projectionist:migrate:${id}`, max: 1 });
  // A migration may wait for a lock of another session without a bound: the stop of the daemon ends its session.
  const stop = (): void => void sql.end({ timeout: 0 });
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    const onRepair = (problem: string) => log.warn({ problem }, 'the event store was repaired');
    const onNewStore = (text: string) => log.warn({ address: describeAddress(database) }, text);
    await migrate(sql, { schema: path.schema, notify, projections, onRepair, secondStore, onNewStore });
  } finally {
    signal.removeEventListener('abort', stop);
    await sql.end({ timeout: 5 });
  }
}
