import type { StoredEvent } from '../../core/event.ts';
import { quoteIdentifier } from '../../core/identifier.ts';
import type { Projection } from '../../core/projection.ts';
import type { Lookup, Write } from '../../core/statement.ts';
import { isTransient, sqlstateOf } from '../../postgres/errors.ts';
import type { Tx } from '../../postgres/pool.ts';
import { catalogMark } from '../../read-model/catalog.ts';
import type { TableInfo } from '../../read-model/table-info.ts';
import type { RunContext } from '../apply-in-order.ts';
import { flattenStatements } from '../flatten.ts';
import type { HandlerAnswers } from '../handler-answers.ts';
import { readLookups, resolveLookup } from '../lookups.ts';
import { CatalogMoved, DependencyNotReady } from '../page-outcome.ts';
import { CannotFold, type EncodedWrite, encodeWrites } from './encode-write.ts';
import { type Difference, TableFold } from './table-fold.ts';
import { readTouchedRows } from './touched-rows.ts';
import { writeDifference } from './write-difference.ts';

export interface FoldContext extends RunContext {
  readonly answers: HandlerAnswers;
}

/**
 * Applies a page's events as a few set-based statements, which leave the rows that all statements leave one after the
 * other. The statements run in memory first, with PostgreSQL's rules, on the rows that they can affect. If the outcome is
 * not certain, or is an error, nothing is written.
 * @returns null if the events are applied; else the reason, and the page can run in order in the same transaction
 * @throws CannotFold if PostgreSQL refused a statement: roll back, then run the page in order; CatalogMoved; DependencyNotReady
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
    // Other projections run until the database answers, and a blocked event loop is theirs.
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
    // Running in order shows which event fails, if one does.
    const refused = new CannotFold('the page, or one of its events, fails', { cause: error });
    if (writes || sqlstateOf(error) !== null) throw refused;
    return refused;
  } finally {
    context.recorder?.handled();
  }
}

/** A table that is folded has no foreign key and no trigger, so only the order of statements within a table matters. */
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

/** Encodes before the first query: most reasons against folding are found here. */
function encodeAll(groups: ReadonlyMap<TableInfo, readonly Write[]>): ReadonlyMap<TableInfo, readonly EncodedWrite[]> {
  return new Map(
    [...groups].map(([table, writes]) => {
      try {
        return [table, encodeWrites(table, writes)];
      } catch (error) {
        throw inTable(table, error);
      }
    }),
  );
}

/**
 * The difference that the page makes in each table. The rows are read under a lock against changes of the definitions. After
 * the lock the catalog mark is compared, which finds a change that was committed since the catalog was read.
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
  // If a table has changed, the reads may fail too; then the changed mark is what counts.
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
      // An earlier event of the page may write the row that it finds.
      if (projection.tables.has(next.table)) throw new CannotFold('a look-up in a table of the projection itself');
      const { position } = event;
      const found =
        known(next) ??
        (await resolveLookup(next, { tx, owners: context.owners, name: projection.name, index, position }));
      if (found !== null) queue.unshift(...flattenStatements(next.use(found)));
    }
  }
  return writes;
}

/** The look-ups that the handlers returned directly. Tables of other projections can be read before the page is written. */
function lookupsOf(events: readonly StoredEvent[], answers: HandlerAnswers): readonly Lookup[] {
  return events.flatMap((event) => answers.statements(event).filter((statement) => statement.kind === 'lookup'));
}
