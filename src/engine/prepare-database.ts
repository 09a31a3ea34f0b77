import type { TableOwners } from '../core/table-owners.ts';
import { noteStart, type StartNote } from '../store/attempts.ts';
import { checkDatabase, checkStore } from '../store/checks.ts';
import { connect } from '../store/connect.ts';
import { migrate } from '../store/migrate.ts';
import { register } from '../store/state.ts';
import { checkTables } from './check-tables.ts';
import type { PoolOptions, Pools } from './pools.ts';

export interface PrepareOptions extends Omit<PoolOptions, 'onControlClosed' | 'patience'> {
  readonly owners: TableOwners;
  readonly notify: boolean;
}

/**
 * Checks and migrates the database, and registers the projections.
 * @returns what is known of the processes before this one
 * @throws EngineError whatever makes this database unusable
 */
export async function prepareDatabase(pools: Pools, options: PrepareOptions): Promise<ReadonlyMap<string, StartNote>> {
  const { database, projections, owners, notify } = options;
  await checkDatabase(pools.control, database);
  await migrateAtStart(options);
  await checkStore(pools.control, { notify });
  await checkTables(pools.control, owners);
  await register(pools.work, projections);
  return await noteStart(
    pools.work,
    projections.map(({ name }) => name),
  );
}

/** Over a connection of its own: a migration may take any time (an index on a large table). */
async function migrateAtStart({ database, projections, id, notify, ...path }: PrepareOptions): Promise<void> {
  const sql = connect({ address: database, ...path, applicationName: `projectionist:migrate:${id}`, max: 1 });
  try {
    await migrate(sql, { schema: path.schema, notify, projections });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
