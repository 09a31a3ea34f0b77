import { readFile } from 'node:fs/promises';
import type { StoredEvent } from '../src/core/event.ts';
import { readPage } from '../src/event-store/read.ts';
import type { Sql } from '../src/postgres/pool.ts';

const FOLDER = new URL('./sql/', import.meta.url);

export const BAND_SQL: readonly string[] = ['band.sql'];

/** `userpreferences` looks bands up, so it comes last. */
export const DANCEFINDER_SQL: readonly string[] = [
  'band.sql',
  'dancefinder/dancehall.sql',
  'dancefinder/event.sql',
  'dancefinder/userpreferences.sql',
];

/** The projections' rows in plain SQL: these files, in this order, in one transaction. @returns milliseconds */
export async function timeSql(reference: Sql, files: readonly string[]): Promise<number> {
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, FOLDER), 'utf8')));
  const began = performance.now();
  await reference.begin(async (tx) => {
    for (const text of texts) await tx.unsafe(text);
  });
  return performance.now() - began;
}

/** The first `limit` events of the store, as the engine reads them. */
export async function readFirst(sql: Sql, limit: number): Promise<readonly StoredEvent[]> {
  const page = { after: 0n, head: 2n ** 63n - 1n, names: ['BandCreated'], limit, maxBytes: Number.MAX_SAFE_INTEGER };
  return (await readPage(sql, page)).events;
}

/**
 * A typical hand-written loop over events that have been read already, `perTransaction` of them per commit,
 * each statement awaited, the cursor moved in the same transaction. @returns milliseconds
 */
export async function timeLoop(
  reference: Sql,
  events: readonly StoredEvent[],
  perTransaction: number,
): Promise<number> {
  await reference`TRUNCATE band`;
  await reference`UPDATE reference_cursor SET position = 0`;
  const began = performance.now();
  for (let start = 0; start < events.length; start += perTransaction) {
    const batch = events.slice(start, start + perTransaction);
    await reference.begin(async (tx) => {
      for (const { aggregateId: id, occurredAt, payload } of batch) {
        const { name } = payload as { readonly name: string };
        await tx`DELETE FROM band WHERE id = ${id} AND name <> ${name}`;
        await tx`
          INSERT INTO band (id, name, created) VALUES (${id}, ${name}, ${occurredAt})
          ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id, created = EXCLUDED.created`;
      }
      await tx`UPDATE reference_cursor SET position = ${batch.at(-1)?.position ?? 0n}`;
    });
  }
  return performance.now() - began;
}
