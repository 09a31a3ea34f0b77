import type { StoredEvent } from '../../core/event.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Projection } from '../../core/projection.ts';
import type { Lookup } from '../../core/statement.ts';
import { isTransient, sqlstateOf } from '../../postgres/errors.ts';
import type { Tx } from '../../postgres/pool.ts';
import { catalogMark } from '../../read-model/catalog.ts';
import type { TableInfo } from '../../read-model/table-info.ts';
import type { Write } from '../../read-model/write-sql.ts';
import type { RunContext } from '../apply-in-order.ts';
import { flattenStatements } from '../flatten.ts';
import type { HandlerAnswers } from '../handler-answers.ts';
import { readLookups, resolveLookup } from '../lookups.ts';
import { CatalogMoved, DependencyNotReady } from '../page-outcome.ts';
import { CannotFold, type EncodedWrite, encodeWrite } from './encode-write.ts';
import { type Difference, TableFold } from './table-fold.ts';
import { readTouchedRows } from './touched-rows.ts';
import { writeDifference } from './write-difference.ts';

export interface FoldContext extends RunContext {
  readonly answers: HandlerAnswers;
}

/**
 * Applies a page's events as a few set-based statements. The law: the rows are those of running every statement one
 * after the other. So the statements are run in memory first, on the rows of the database that they can meet, with
 * PostgreSQL's own rules; where the outcome is not certain, or would be an error, nothing is written.
 * @returns null when the events are applied; else why they are not: the transaction is as it was, run them in order in it
 * @throws CannotFold when the database refused something: roll back, and run the page in order; CatalogMoved; DependencyNotReady
 */
export async function foldPage(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  context: FoldContext,
): Promise<CannotFold | null> {
  let writes = false;
  try {
    const because = context.answers.ahead(events);
    if (because !== null) return new CannotFold(because);
    // While the database is waited for, others run.
    context.recorder?.handled();
    const wanted = await resolve(tx, projection, events, context);
    context.recorder?.preparing(events);
    const encoded = encodeAll(groupByTable(wanted, context.catalog.tables));
    context.recorder?.handled();
    const differences = await foldTables(tx, projection, encoded, context, () => context.recorder?.preparing(events));
    context.recorder?.handled();
    writes = true;
    for (const [table, difference, readMs] of differences) {
      const began = performance.now();
      await writeDifference(tx, table, difference);
      context.recorder?.folded(table.name, readMs + performance.now() - began);
    }
    return null;
  } catch (error) {
    if (error instanceof CatalogMoved || error instanceof DependencyNotReady || isTransient(error)) throw error;
    if (error instanceof CannotFold) return error;
    // A failure, then. Running in order tells which event it was, and whether it was one at all.
    const refused = new CannotFold('the page, or one of its events, fails', { cause: error });
    if (writes || sqlstateOf(error) !== null) throw refused;
    return refused;
  } finally {
    context.recorder?.handled();
  }
}

/** Tables do not see each other (no foreign keys, no triggers), so only the order within each one matters. */
function groupByTable(
  writes: readonly Write[],
  tables: ReadonlyMap<string, TableInfo>,
): ReadonlyMap<TableInfo, Write[]> {
  const groups = new Map<TableInfo, Write[]>();
  for (const write of writes) {
    const table = tables.get(write.table);
    if (table === undefined) throw new CannotFold(`table '${write.table}' is not one of the projection's`);
    if (table.inOrderBecause !== null) throw inTable(table, new CannotFold(table.inOrderBecause));
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [write]);
    else group.push(write);
  }
  return groups;
}

/** Before anything is asked of the database: whatever cannot be folded mostly shows here. */
function encodeAll(groups: ReadonlyMap<TableInfo, readonly Write[]>): ReadonlyMap<TableInfo, readonly EncodedWrite[]> {
  return new Map(
    [...groups].map(([table, writes]) => {
      try {
        return [table, writes.map((write) => encodeWrite(table, write))];
      } catch (error) {
        throw inTable(table, error);
      }
    }),
  );
}

/**
 * What becomes of each table. Their rows are read under a lock that keeps their definitions as they are, and behind it
 * the catalog is compared with what was read of it before: a change that was committed in between is seen here.
 */
async function foldTables(
  tx: Tx,
  projection: Projection,
  encoded: ReadonlyMap<TableInfo, readonly EncodedWrite[]>,
  { catalog }: FoldContext,
  computing: () => void,
): Promise<readonly (readonly [table: TableInfo, difference: Difference, readMs: number])[]> {
  if (encoded.size === 0) return [];
  const began = performance.now();
  const names = [...encoded.keys()].map(({ name }) => quoteIdentifier(name)).sort();
  const locked = tx.unsafe(`LOCK TABLE ${names.join(', ')} IN ROW EXCLUSIVE MODE`).execute();
  const marked = tx<[{ mark: string }]>`SELECT ${catalogMark(tx, [...projection.tables.keys()])} AS mark`.execute();
  const read = Promise.all([...encoded].map(async ([table, writes]) => await readTouchedRows(tx, table, writes)));
  // Of a table that has changed they may well fail, and that it has changed is what counts.
  read.catch(() => undefined);
  await locked;
  const [{ mark }] = await marked;
  if (mark !== catalog.mark) throw new CatalogMoved();
  const rows = await read;
  computing();
  const readMs = (performance.now() - began) / encoded.size;
  return [...encoded].map(([table, writes], index) => {
    const fold = new TableFold(table, rows[index] ?? []);
    try {
      for (const write of writes) fold.apply(write);
      return [table, fold.difference(), readMs];
    } catch (error) {
      throw inTable(table, error);
    }
  });
}

function inTable(table: TableInfo, error: unknown): unknown {
  if (error instanceof CannotFold) error.table ??= table.name;
  return error;
}

async function resolve(
  tx: Tx,
  projection: Projection,
  events: readonly StoredEvent[],
  context: FoldContext,
): Promise<readonly Write[]> {
  const { answers } = context;
  const known = await readLookups(tx, lookupsOf(events, answers));
  const writes: Write[] = [];
  for (const [index, event] of events.entries()) {
    const queue = [...answers.statements(event)];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (next.kind !== 'lookup') {
        writes.push(next);
        continue;
      }
      // What it finds could be something that this page writes first.
      if (projection.tables.has(next.table)) throw new CannotFold('a look-up in a table of its own');
      const { position } = event;
      const found =
        known(next) ??
        (await resolveLookup(next, { tx, owners: context.owners, name: projection.name, index, position }));
      if (found !== null) queue.unshift(...flattenStatements(next.use(found)));
    }
  }
  return writes;
}

/** Look-ups of other projections' tables, which may be resolved before anything of the page is written. */
function lookupsOf(events: readonly StoredEvent[], answers: HandlerAnswers): readonly Lookup[] {
  return events.flatMap((event) => answers.statements(event).filter((statement) => statement.kind === 'lookup'));
}
