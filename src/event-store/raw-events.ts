import { EngineError } from '../core/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { type RawEvent, readRawPage } from './read.ts';

/** An event as a line of an export has it. */
export type EventText = Omit<RawEvent, 'tstamp'>;

/**
 * Every event above `after` up to `head` (a high-water mark), in order, a page at a time, so that memory is bounded. The
 * JSON is PostgreSQL's own text: JavaScript numbers would round long ones.
 */
export async function* readEventTexts(
  sql: Sql,
  range: { readonly after: bigint; readonly head: bigint },
  { limit = 1000, maxBytes = 4 * 1024 * 1024 }: { readonly limit?: number; readonly maxBytes?: number } = {},
): AsyncGenerator<readonly EventText[], void, undefined> {
  const { head } = range;
  for (let { after } = range; after < head; ) {
    const { events, to } = await readRawPage(sql, { after, head, names: null, limit, maxBytes });
    if (events.length > 0) yield events;
    after = to;
  }
}

/** @throws EngineError STORE_MISSING */
export async function checkEventsThere(sql: Sql, schema: string): Promise<void> {
  const [{ there }] = await sql<[{ there: boolean }]>`SELECT to_regclass('events') IS NOT NULL AS there`;
  if (!there) throw new EngineError('STORE_MISSING', { table: 'events', schema });
}

/** Greatest visible position; above the high-water mark while a transaction that allocated a lower one is open. */
export async function lastVisible(sql: Sql): Promise<bigint> {
  const [{ last }] = await sql<[{ last: bigint }]>`SELECT coalesce(max(position), 0) AS last FROM events`;
  return last;
}
