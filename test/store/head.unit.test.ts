import { expect, test } from 'vitest';
import type { Sql } from '../../src/store/connect.ts';
import { createHeadReader } from '../../src/store/head.ts';

/** Stands in for a pool: keeps what is sent in its order, answers when the test says so. */
function recorder() {
  const sent: string[] = [];
  const answers: ((rows: readonly object[]) => void)[] = [];
  const send = (text: TemplateStringsArray) => {
    sent.push(/pg_locks|pg_sequence_last_value|FROM events/.exec(text.join('?'))?.[0] ?? text.join('?'));
    return new Promise((resolve) => answers.push(resolve));
  };
  const session = async (work: (one: typeof send) => Promise<unknown>) => await work(send);
  const sql = Object.assign(send, { session }) as unknown as Sql;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    sql,
    sent,
    answer: async (rows: readonly object[]) => {
      answers.shift()?.(rows);
      await settle();
    },
  };
}

// Seen red with: the two statements of Promise.all exchanged.
test('a look reads what was drawn, then the announcements, and only after their answers rows', async () => {
  const { sql, sent, answer } = recorder();
  const look = createHeadReader(sql).read();
  expect(sent).toEqual(['pg_sequence_last_value', 'pg_locks']);
  await answer([{ drawn: 9n }]);
  expect(sent).toHaveLength(2);
  await answer([{ low: 6n, pid: 12, seconds: 0.5 }]);
  expect(sent).toEqual(['pg_sequence_last_value', 'pg_locks', 'FROM events']);
  await answer([{ position: 5n }]);
  expect(await look).toEqual({ position: 5n, drawn: 9n, holders: [{ pid: 12, seconds: 0.5 }] });
});

// Seen red with: `running` handed to a second caller.
test('whoever asks during a look gets the next one, shared by all who ask', async () => {
  const { sql, sent, answer } = recorder();
  const reader = createHeadReader(sql);
  const first = reader.read();
  const [second, third] = [reader.read(), reader.read()];
  expect(second).toBe(third);
  for (const rows of [[{ drawn: 1n }], [], [{ position: 1n }]]) await answer(rows);
  expect(sent).toHaveLength(5);
  for (const rows of [[{ drawn: 2n }], [], [{ position: 2n }]]) await answer(rows);
  expect(sent).toHaveLength(6);
  expect([(await first).position, (await second).position]).toEqual([1n, 2n]);
});

// Seen red with: the comparison of epochs removed from look().
test('a look during which the connection was lost is made again', async () => {
  const { sql, answer } = recorder();
  const reader = createHeadReader(sql);
  const look = reader.read();
  for (const rows of [[{ drawn: 8n }], []]) await answer(rows);
  reader.forget();
  await answer([{ position: 8n }]);
  for (const rows of [[{ drawn: 5n }], [], [{ position: 5n }]]) await answer(rows);
  expect((await look).position).toBe(5n);
});
