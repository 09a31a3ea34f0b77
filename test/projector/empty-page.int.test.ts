import { expect, test } from 'vitest';
import { band } from '../../examples/dancefinder/projections/band.ts';
import { append } from '../../src/event-store/append.ts';
import type { HighWaterMarkSource } from '../../src/projector/high-water-mark-source.ts';
import { createTestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';
import { createRunner } from '../support/page.ts';

const stream = (name: string, aggregateId: string, payload: object) =>
  ({ aggregateName: `domain.${name}`, aggregateId, sequenceNo: 1, name: `${name}Created`, payload }) as const;

// Seen red with: `this.#readPosition = await highWaterMark.refresh()` after an empty page. In running daemons that moment
// is too rare to show it.
test('an event that is appended right after an empty page was read is not passed over', async () => {
  await using database = await createTestDatabase();
  const sql = await openStore(database, [band]);
  await append(sql, [stream('DanceHall', 'one', {}), stream('DanceHall', 'two', {})]);

  let head: bigint | null = null;
  let polls = 0;
  const highWaterMark: HighWaterMarkSource = {
    latest: () => head,
    refresh: async () => {
      polls += 1;
      // The first poll is for the empty page; the next poll finds one more event.
      if (polls === 2) {
        await append(sql, [stream('Band', '00000000-0000-4000-8000-000000000001', { name: 'Late' })]);
      }
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
  const runner = createRunner(sql, band, highWaterMark);
  expect(await runner.run('catch-up', new AbortController().signal)).toEqual({ kind: 'caught-up' });
  expect(await sql`SELECT name FROM band`).toEqual([{ name: 'Late' }]);
  await sql.end();
});
