import { createHighWaterMarkReader, type HighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import { readPage } from '../../src/event-store/read.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { NextPage, Sighting } from './follower.ts';

/** Pages of 50, so that a page often ends within the events of one transaction. */
const LIMIT = 50;

/** Reads as the engine does: the high-water mark, then the page up to it. `head` must use a pool of one connection. */
export function safePages(head: HighWaterMarkReader, reader: Sql): NextPage {
  return async (after) => {
    const { position } = await head.read();
    return await pageTo(reader, after, position);
  };
}

export async function pageTo(reader: Sql, after: bigint, head: bigint): Promise<readonly Sighting[]> {
  const { events } = await readPage(reader, { after, head, names: null, limit: LIMIT, maxBytes: 1_000_000 });
  return events.map(({ position, id, aggregateId, sequenceNo }) => ({
    position,
    id,
    stream: aggregateId,
    sequenceNo,
  }));
}

/** Reads with `position > last` alone, which loses events. */
export function plainPages(reader: Sql): NextPage {
  return (after) => pageTo(reader, after, 2n ** 62n);
}

export function engineReader(control: Sql, reader: Sql): NextPage {
  return safePages(createHighWaterMarkReader(control), reader);
}

export async function storedEvents(sql: Sql): Promise<readonly Sighting[]> {
  return await sql<Sighting[]>`
    SELECT position, id, aggregate_id AS stream, sequence_no AS "sequenceNo" FROM events ORDER BY position`;
}
