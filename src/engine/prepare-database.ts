import type { TableOwners } from '../core/table-owners.ts';
import { noteStart, type StartNote } from '../store/attempts.ts';
import { checkDatabase, checkStore } from '../store/checks.ts';
import { checkReserved } from '../store/claims.ts';
import { connect } from '../store/connect.ts';
import { migrate } from '../store/migrate.ts';
import { register } from '../store/register.ts';
import { checkTables } from './check-tables.ts';
import type { Log } from './log.ts';
import type { PoolOptions, Pools } from './pools.ts';

export interface PrepareOptions extends Omit<PoolOptions, 'onControlClosed' | 'patience'> {
  readonly owners: TableOwners;
  readonly notify: boolean;
  readonly log: Log;
}

/**
 * Checks and migrates the database, and registers the projections.
 * @returns what is known of the processes before this one
 * @throws EngineError whatever makes this database unusable
 */
export async function prepareDatabase(pools: Pools, options: PrepareOptions): Promise<ReadonlyMap<string, StartNote>> {
  const { database, projections, owners, notify, log } = options;
  await checkDatabase(pools.control, database);
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
async function migrateAtStart({ database, projections, id, notify, log, ...path }: PrepareOptions): Promise<void> {
  const sql = connect({ address: database, ...path, applicationName: `projectionist:migrate:${id}`, max: 1 });
  try {
    const onRepair = (problem: string) => log.warn({ problem }, 'the event store was repaired');
    await migrate(sql, { schema: path.schema, notify, projections, onRepair });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
