import type { StoredEvent } from '../../core/event.ts';
import type { Projection } from '../../core/projection.ts';
import { readCatalog, type TableInfo } from '../../store/catalog.ts';
import type { Tx } from '../../store/connect.ts';
import { isTransient } from '../../store/sqlstate.ts';
import type { Write } from '../../store/statement-sql.ts';
import { flattenStatements } from '../flatten.ts';
import { readLookups, resolveLookup } from '../lookups.ts';
import { LookupWaits } from '../outcome.ts';
import type { RunContext } from '../run-events.ts';
import { CannotFold, encodeWrite } from './encode-write.ts';
import { lookupsOf, type Planned, planPage } from './plan.ts';
import { TableFold } from './table-fold.ts';
import { readTouchedRows } from './touched-rows.ts';
import { writeDifference } from './write-difference.ts';

/**
 * Applies a page's events as a few set-based statements. The law: the rows are those of running every statement one
 * after the other. So the statements are run in memory first, on the rows of the database that they can meet, with
 * PostgreSQL's own rules; where the outcome is not certain, or would be an error, the page is given back.
 * @throws CannotFold after which the transaction must be rolled back and the page be run in order; LookupWaits
 */
export async function foldPage(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  context: RunContext,
): Promise<void> {
  try {
    const plan = planPage(projection, events, context.replayUntil, context.meter);
    const catalog = await readCatalog(tx, [...projection.tables.keys()]);
    const writes = await resolve(tx, projection, plan, context);
    for (const [table, ofTable] of groupByTable(writes, catalog)) {
      const began = performance.now();
      await foldTable(tx, table, ofTable);
      context.meter?.folded(table.name, performance.now() - began);
    }
  } catch (error) {
    if (error instanceof CannotFold || error instanceof LookupWaits || isTransient(error)) throw error;
    // A failure, then. Running in order tells which event it was, and whether it was one at all.
    throw new CannotFold('the page, or one of its events, fails', { cause: error });
  } finally {
    context.meter?.handled();
  }
}

/** Tables do not see each other (no foreign keys, no triggers), so only the order within each one matters. */
function groupByTable(
  writes: readonly Write[],
  catalog: ReadonlyMap<string, TableInfo>,
): ReadonlyMap<TableInfo, Write[]> {
  const groups = new Map<TableInfo, Write[]>();
  for (const write of writes) {
    const table = catalog.get(write.table);
    if (table === undefined) throw new CannotFold(`table '${write.table}' is not one of the projection's`);
    if (table.inOrderBecause !== null) throw new CannotFold(table.inOrderBecause);
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [write]);
    else group.push(write);
  }
  return groups;
}

async function foldTable(tx: Tx, table: TableInfo, writes: readonly Write[]): Promise<void> {
  const encoded = writes.map((write) => encodeWrite(table, write));
  const fold = new TableFold(table, await readTouchedRows(tx, table, encoded));
  for (const write of encoded) fold.apply(write);
  await writeDifference(tx, table, fold.difference());
}

async function resolve(
  tx: Tx,
  projection: Projection,
  plan: readonly Planned[],
  context: RunContext,
): Promise<readonly Write[]> {
  const known = await readLookups(tx, lookupsOf(plan));
  const writes: Write[] = [];
  for (const { index, position, statements } of plan) {
    const queue = [...statements];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (next.kind !== 'lookup') {
        writes.push(next);
        continue;
      }
      // What it finds could be something that this page writes first.
      if (projection.tables.has(next.table)) throw new CannotFold('a look-up in a table of its own');
      const found =
        known(next) ??
        (await resolveLookup(next, { tx, owners: context.owners, name: projection.name, index, position }));
      if (found !== null) queue.unshift(...flattenStatements(next.use(found)));
    }
  }
  return writes;
}
