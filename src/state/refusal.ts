import type { EngineError } from '../core/errors.ts';
import type { Projection } from '../core/projection.ts';
import { readReplaced, replacedTable } from '../event-store/table-ids.ts';
import type { Queryable, Sql, Tx } from '../postgres/pool.ts';
import { lockClaims } from './claims.ts';
import { claimsOf } from './overlaps.ts';
import { readTableFaults, type TableFault } from './table-faults.ts';

/** For the lock on the row, which a page or a reset may hold. The caller tries again after this error. */
const LOCK_TIMEOUT = '2s';

/**
 * Stores the error TABLE_REPLACED as the refusal of a projection. Does nothing if its tables are its own again, because a
 * reset or an adoption came first.
 */
export async function refuseReplaced(sql: Sql, { fields, message }: EngineError): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await tx`
      UPDATE projection_state AS s SET refused = ${message}, updated_at = now()
      WHERE s.name = ${String(fields['name'])} AND s.instance_id = '' AND ${replacedTable(tx)} IS NOT NULL`;
  });
}

/**
 * Stores a refusal for each of these projections whose tables have become another projection's too, or unsafe, since they
 * were registered (ALTER TABLE … INHERIT, ATTACH PARTITION, SET UNLOGGED). The generation increases, so that no daemon
 * commits a page that was planned before, and an alarm says which rows may be wrong already.
 * @returns the refused projections
 */
export async function refuseFaulty(sql: Sql, projections: readonly Projection[]): Promise<readonly string[]> {
  if ((await faultsOf(sql, projections)).size === 0) return [];
  return await sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
    await lockClaims(tx, 'exclusive');
    const faults = await faultsOf(tx, projections);
    const reasons = [...faults].map(([name, { error }]) => ({ name, reason: error.message }));
    await raiseAlarms(tx, faults);
    await tx`
      UPDATE projection_state AS s SET refused = d.reason, generation = generation + 1, updated_at = now()
      FROM unnest(${reasons.map(({ name }) => name)}::text[], ${reasons.map(({ reason }) => reason)}::text[]) AS d (name, reason)
      WHERE s.name = d.name AND s.instance_id = ''`;
    return reasons.map(({ name }) => name);
  });
}

/** Of the projections that may run. A table that was replaced is refused by a page, or when the row is read again. */
async function faultsOf(sql: Queryable, projections: readonly Projection[]): Promise<ReadonlyMap<string, TableFault>> {
  const names = projections.map(({ name }) => name);
  const refused = await sql<{ name: string }[]>`
    SELECT name FROM projection_state WHERE name = ANY(${names}::text[]) AND instance_id = '' AND refused IS NOT NULL`;
  const left = new Set([...refused, ...(await readReplaced(sql, names))].map(({ name }) => name));
  const running = projections.filter(({ name }) => !left.has(name));
  return running.length === 0 ? new Map() : await readTableFaults(sql, claimsOf(running), () => false);
}

/** Locks the rows in the order in which a reset locks them, so that the two cannot deadlock. */
export async function raiseAlarms(tx: Tx, faults: ReadonlyMap<string, TableFault>): Promise<void> {
  const alarms = [...faults.values()].flatMap(({ error, doubted }) =>
    doubted.map((name) => ({ name, text: `needs a reset: ${error.message}` })),
  );
  if (alarms.length === 0) return;
  const names = [...new Set([...faults.keys(), ...alarms.map(({ name }) => name)])];
  await tx`
    SELECT FROM projection_state WHERE name = ANY(${names}::text[]) AND instance_id = '' ORDER BY name FOR UPDATE`;
  await tx`
    UPDATE projection_state AS s SET alarm = d.text
    FROM unnest(${alarms.map(({ name }) => name)}::text[], ${alarms.map(({ text }) => text)}::text[]) AS d (name, text)
    WHERE s.name = d.name AND s.instance_id = '' AND s.cursor > 0 AND s.alarm IS NULL`;
}
