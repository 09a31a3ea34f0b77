import { setTimeout as pause } from 'node:timers/promises';
import { fullJitter } from '../core/backoff.ts';
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

export interface PrepareOptions extends Omit<PoolOptions, 'onControlClosed' | 'patience'> {
  readonly owners: TableOwners;
  readonly notify: boolean;
  /** Whether the start may create an event store in a database that has one in another schema. */
  readonly secondStore: boolean;
  readonly log: Log;
  /** The daemon is to stop. */
  readonly signal: AbortSignal;
}

/** About 20 s in all, waits of up to 3 s between them. */
const ATTEMPTS = 12;
const BACKOFF = { baseMs: 200, capMs: 3000 } as const;

/**
 * Checks and migrates the database, and registers the projections. Daemons that work beside it may get in the way of its
 * locks, and a server may send its sessions away: what passes by itself is tried again.
 * @returns what is known of the processes before this one
 * @throws EngineError whatever makes this database unusable; DAEMON_STOPPED
 */
export async function prepareDatabase(pools: Pools, options: PrepareOptions): Promise<ReadonlyMap<string, StartNote>> {
  const { database, log, signal } = options;
  let reached = false;
  for (let attempt = 1; ; attempt++) {
    try {
      await checkDatabase(pools.control, database);
      reached = true;
      return await prepare(pools, options);
    } catch (error) {
      if (signal.aborted) throw new EngineError('DAEMON_STOPPED', {}, { cause: error });
      // A database that was never reached is a wrong address more often than not.
      if (!reached || attempt === ATTEMPTS || !passes(error))
        throw isTimedOut(error) ? unusable(error, database) : error;
      log.warn({ err: error, attempt }, 'the database could not be prepared and is tried again in a moment');
    }
    const ms = 20 + fullJitter(attempt, BACKOFF, Math.random());
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** A role may have a statement_timeout that not even the start's short statements keep. */
function isTimedOut(error: unknown): boolean {
  return !isEngineError(error) && sqlstateOf(error) === '57014';
}

/** Whatever wraps it. */
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
    log.error({ projection, reason }, 'a projection was refused its tables and stands still; the others go on');
  }
  return await noteStart(
    pools.work,
    projections.map(({ name }) => name),
  );
}

/** Over a connection of its own: a migration may take any time (an index on a large table). */
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
  // A migration may wait for a lock of another session without end: a daemon that stops ends its session.
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
