import { expect, test } from 'vitest';
import { createHighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import type { Queryable, Sql } from '../../src/postgres/pool.ts';
import { queryable } from '../../src/postgres/session.ts';

/** Stands in for a pool: keeps what is sent in its order, answers when the test says so. */
function recorder() {
  const sent: string[] = [];
  const answers: ((rows: readonly object[]) => void)[] = [];
  const one = queryable(({ text }) => {
    sent.push(/pg_locks|pg_sequence_last_value|FROM events/.exec(text)?.[0] ?? text);
    return new Promise((resolve) => answers.push(resolve));
  });
  const session = async (work: (one: Queryable) => Promise<unknown>) => await work(one);
  const sql = Object.assign(one, { session }) as unknown as Sql;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    sql,
    sent,
    settle,
    answer: async (rows: readonly object[]) => {
      answers.shift()?.(rows);
      await settle();
    },
  };
}

// Seen red with: the two statements of Promise.all exchanged.
test('a poll reads the last allocated position, then the announcements, and only after their answers rows', async () => {
  const { sql, sent, answer, settle } = recorder();
  const poll = createHighWaterMarkReader(sql).read();
  await settle();
  expect(sent).toEqual(['pg_sequence_last_value', 'pg_locks']);
  await answer([{ lastAllocated: 9n }]);
  expect(sent).toHaveLength(2);
  await answer([{ low: 6n, pid: 12, seconds: 0.5 }]);
  expect(sent).toEqual(['pg_sequence_last_value', 'pg_locks', 'FROM events']);
  await answer([{ position: 5n }]);
  expect(await poll).toEqual({
    position: 5n,
    safe: 6n,
    lastAllocated: 9n,
    holders: [{ pid: 12, seconds: 0.5 }],
    recent: null,
  });
});

// Seen red with: the three statements of Promise.all in another order; the filter by mark.head left out.
test('a later poll reads the events since, and leaves out those above the mark', async () => {
  const { sql, sent, answer, settle } = recorder();
  const reader = createHighWaterMarkReader(sql);
  const first = reader.read();
  await settle();
  for (const rows of [[{ lastAllocated: 5n }], [], [{ position: 5n }]]) await answer(rows);
  await first;
  const poll = reader.read();
  await settle();
  expect(sent.slice(3)).toEqual(['pg_sequence_last_value', 'pg_locks', 'FROM events']);
  await answer([{ lastAllocated: 8n }]);
  await answer([{ low: 6n, pid: 12, seconds: 0.5 }]);
  await answer([row(6n), row(8n)]);
  expect(await poll).toMatchObject({
    position: 6n,
    lastAllocated: 8n,
    recent: { after: 5n, events: [{ position: 6n }] },
  });
});

// Seen red with: the check of `RECENT.limit` left out; `whole` left out, after which a poll gave no events at all.
test.each([
  ['many events', Array.from({ length: 64 }, (_, at) => row(BigInt(at + 6)))],
  // How many events have them is all that is answered.
  ['many bytes', [{ candidates: 3, position: null }]],
])('a look that would have to read too %s along asks for the position alone', async (_, tooMuch) => {
  const { sql, sent, answer, settle } = recorder();
  const reader = createHighWaterMarkReader(sql);
  const first = reader.read();
  await settle();
  for (const rows of [[{ lastAllocated: 5n }], [], [{ position: 5n }]]) await answer(rows);
  await first;
  const poll = reader.read();
  await settle();
  await answer([{ lastAllocated: 900n }]);
  await answer([]);
  await answer(tooMuch);
  expect(sent.slice(6)).toEqual(['FROM events']);
  await answer([{ position: 900n }]);
  expect(await poll).toMatchObject({ position: 900n, recent: null });
});

function row(position: bigint) {
  return {
    candidates: null,
    position,
    name: 'Noted',
    occurred_at: '2026-01-01 00:00:00+00',
    payload: {},
    metadata: {},
  };
}

// Seen red with: `running` handed to a second caller.
test('a read during a poll gets the next poll, shared by all such reads', async () => {
  const { sql, sent, answer, settle } = recorder();
  const reader = createHighWaterMarkReader(sql);
  const first = reader.read();
  const [second, third] = [reader.read(), reader.read()];
  expect(second).toBe(third);
  await settle();
  for (const rows of [[{ lastAllocated: 1n }], [], [{ position: 1n }]]) await answer(rows);
  for (const rows of [[{ lastAllocated: 2n }], [], [row(2n)]]) await answer(rows);
  expect(sent).toHaveLength(6);
  expect([(await first).position, (await second).position]).toEqual([1n, 2n]);
});

// Seen red with: the comparison of epochs removed from look().
test('a look during which the connection was lost is made again', async () => {
  const { sql, answer, settle } = recorder();
  const reader = createHighWaterMarkReader(sql);
  const poll = reader.read();
  await settle();
  for (const rows of [[{ lastAllocated: 8n }], []]) await answer(rows);
  reader.forget();
  await answer([{ position: 8n }]);
  for (const rows of [[{ lastAllocated: 5n }], [], [{ position: 5n }]]) await answer(rows);
  expect((await poll).position).toBe(5n);
});
