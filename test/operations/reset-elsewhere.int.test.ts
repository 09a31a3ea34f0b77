import { expect, test } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { reset } from '../../src/operations/reset.ts';
import type { HighWaterMarkSource } from '../../src/projector/high-water-mark-source.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { createRunner } from '../support/page.ts';

// Seen red with: the comparison of generations in the live loop left out (it replays while it says to be live); heard()
// that does not move #newest (it takes the table for full).
test('a live worker whose projection was reset by another daemon reports that it is behind, and catches up from the start', async () => {
  await using database = await createTestDatabase();
  const { projection } = createLedger();
  const sql = await openStore(database, [projection]);
  let head: bigint | null = null;
  const highWaterMark: HighWaterMarkSource = {
    latest: () => head,
    refresh: async () => {
      const [row] = await sql<[{ last: bigint }]>`SELECT max(position) AS last FROM events`;
      head = row.last;
      return head;
    },
    recent: () => null,
    idAt: () => null,
    passed: () => undefined,
    invalidate: () => undefined,
    epoch: () => 0,
  };
  const runner = createRunner(sql, projection, highWaterMark);
  const { signal } = new AbortController();
  const [, , third] = await append(sql, noted('a', 1, 3));
  expect(await runner.run('catch-up', signal)).toEqual({ kind: 'caught-up' });
  expect(runner.checkpoint.readPositionIn(0n)).toBe(third?.position);

  const { generation } = await reset(sql, { projection, projections: [projection], owner: 'another' });
  // Nothing is new, so it does not look at its row until it hears of it.
  expect(await runner.run('live', signal)).toEqual({ kind: 'caught-up' });
  expect(runner.checkpoint.observeGeneration(generation)).toBe(true);
  expect(runner.checkpoint.readPositionIn(generation)).toBe(0n);
  expect(await runner.run('live', signal)).toEqual({ kind: 'behind' });
  expect(runner.checkpoint.observeGeneration(generation)).toBe(false);
  expect(await runner.run('catch-up', signal)).toEqual({ kind: 'caught-up' });
  expect(await readLedger(sql)).toEqual(['a1', 'a2', 'a3']);

  // An event comes before the worker notices the next reset: its page is refused, and so it does.
  await reset(sql, { projection, projections: [projection], owner: 'another' });
  await append(sql, noted('a', 4, 1));
  await highWaterMark.refresh();
  expect(await runner.run('live', signal)).toEqual({ kind: 'behind' });
  expect(await runner.run('catch-up', signal)).toEqual({ kind: 'caught-up' });
  expect(await readLedger(sql)).toEqual(['a1', 'a2', 'a3', 'a4']);
  await sql.end();
});
