import { EngineError } from '../core/errors.ts';
import { quoteIdentifier } from '../core/identifier.ts';
import type { Lookup } from '../core/statement.ts';
import type { TableOwners } from '../core/table-owners.ts';
import type { Tx } from '../postgres/pool.ts';
import { DependencyNotReady } from './page-outcome.ts';

export interface LookupContext {
  readonly tx: Tx;
  readonly owners: TableOwners;
  /** Name of the projection whose event has the look-up. */
  readonly name: string;
  readonly index: number;
  /** Position of the event that has the look-up. */
  readonly position: bigint;
}

/**
 * Resolves one look-up. After a miss it reads the cursor of the other projection, and then looks for the row again: if the
 * cursor is at this event or past it, a row that earlier events made is visible now, so a second miss is final.
 * @returns null if there is no such row and the look-up allows that
 * @throws DependencyNotReady while the projection of the table is behind this event
 * @throws EngineError LOOKUP_MISSED
 */
export async function resolveLookup(lookup: Lookup, context: LookupContext): Promise<string | null> {
  const found = await find(context.tx, lookup);
  if (found !== null) return found;
  const owner = context.owners.get(lookup.table);
  if (owner !== undefined && owner !== context.name) {
    const [row] = await context.tx<{ cursor: bigint }[]>`
      SELECT cursor FROM projection_state WHERE name = ${owner} AND instance_id = ''`;
    const again = await find(context.tx, lookup);
    if (again !== null) return again;
    if (row !== undefined && row.cursor < context.position) {
      throw new DependencyNotReady(context.index, waitingText({ name: owner, cursor: row.cursor }, context.position));
    }
  }
  if (lookup.onMissing === 'nothing') return null;
  throw lookupMissed(lookup);
}

export function waitingText(other: { readonly name: string; readonly cursor: bigint }, position: bigint): string {
  return `waiting for '${other.name}' to reach position ${position} (it is at ${other.cursor})`;
}

/**
 * Reads many look-ups together, with one query per table and column. A row that it does not find may exist all the same.
 * @returns a function that gives the value for a look-up, or null if it was not found
 */
export async function readLookups(tx: Tx, lookups: readonly Lookup[]): Promise<(lookup: Lookup) => string | null> {
  const wanted = new Map<string, { readonly lookup: Lookup; readonly column: string; readonly values: Set<string> }>();
  for (const lookup of lookups) {
    const [[column, value] = ['', ''], ...more] = Object.entries(lookup.where);
    if (more.length > 0) continue;
    const group = wanted.get(groupOf(lookup)) ?? { lookup, column, values: new Set() };
    group.values.add(value);
    wanted.set(groupOf(lookup), group);
  }
  const found = new Map<string, Map<string, string>>();
  await Promise.all(
    [...wanted].map(async ([group, { lookup, column, values }]) => {
      const rows = await tx.unsafe<{ key: string; found: string | null }[]>(
        `SELECT ${quoteIdentifier(column)}::text AS key, ${quoteIdentifier(lookup.select)}::text AS found
         FROM ${quoteIdentifier(lookup.table)} WHERE ${quoteIdentifier(column)} = ANY($1)`,
        [[...values]],
        { prepare: true },
      );
      found.set(group, new Map(rows.flatMap((row) => (row.found === null ? [] : [[row.key, row.found]]))));
    }),
  );
  return (lookup) => found.get(groupOf(lookup))?.get(Object.values(lookup.where)[0] ?? '') ?? null;
}

function groupOf({ table, select, where }: Lookup): string {
  return [table, select, ...Object.keys(where)].join(' ');
}

async function find(tx: Tx, { table, select, where }: Lookup): Promise<string | null> {
  const columns = Object.keys(where);
  const condition = columns.map((column, index) => `${quoteIdentifier(column)} = $${index + 1}`).join(' AND ');
  const [row] = await tx.unsafe<{ found: string }[]>(
    `SELECT ${quoteIdentifier(select)}::text AS found FROM ${quoteIdentifier(table)} WHERE ${condition} LIMIT 1`,
    Object.values(where),
    { prepare: true },
  );
  return row?.found ?? null;
}

export function lookupMissed({ table, where }: Lookup): EngineError {
  const described = Object.entries(where).map(([column, value]) => `${column} = '${value.slice(0, 100)}'`);
  return new EngineError('LOOKUP_MISSED', { table, where: described.join(' and ') });
}
