import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { TransitionLog } from '../../src/daemon/transition-log.ts';
import { ofOurDatabase } from '../../src/postgres/errors.ts';
import type { Sql } from '../../src/postgres/pool.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const row = (to: string) => ({
  name: 'band',
  from: 'idle.opening',
  to,
  cause: 'RESET',
  detail: null,
  position: '7',
  daemon: 'me',
});

/** A database that accepts rows, or refuses them. */
function database() {
  const written: string[][] = [];
  let refusal: Error | null = null;
  const sql = async (_text: TemplateStringsArray, ...holes: readonly unknown[]) => {
    if (refusal !== null) throw refusal;
    written.push([...(holes[2] as string[])]);
    return [];
  };
  return {
    written,
    refuse: (code: string | null) => {
      refusal = code === null ? null : ofOurDatabase(Object.assign(new Error('refused'), { code }));
    },
    log: new TransitionLog({ sql: sql as unknown as Sql, log: silentLog }),
  };
}

// Seen red with: a write for each row.
test('changes within a second are written in one statement, and nothing is written without changes', async () => {
  const { log, written } = database();
  for (const to of ['one', 'two', 'three']) log.note(row(to));
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(written).toEqual([['one', 'two', 'three']]);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(written).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

// Seen red with: the rows of a failed write dropped; `slice(-BUFFERED)` left out.
test('while the database is away the newest thousand wait, and are written when it is back', async () => {
  const { log, written, refuse } = database();
  refuse('08006');
  for (let count = 1; count <= 600; count++) log.note(row(`a${count}`));
  await vi.advanceTimersByTimeAsync(1000);
  for (let count = 1; count <= 600; count++) log.note(row(`b${count}`));
  await vi.advanceTimersByTimeAsync(5000);
  refuse(null);
  await vi.advanceTimersByTimeAsync(5000);
  const rows = written.flat();
  expect(rows).toHaveLength(1000);
  expect([rows[0], rows.at(-1)]).toEqual(['a201', 'b600']);
});

// Seen red with: isTransient left out (the rows are tried for ever, and no later row is written).
test('rows that the database refuses for good are dropped, and later rows are written', async () => {
  const { log, written, refuse } = database();
  refuse('23514');
  log.note(row('bad'));
  await vi.advanceTimersByTimeAsync(1000);
  refuse(null);
  log.note({ ...row('good'), detail: 'a\0b' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(written).toEqual([['good']]);
});

// Seen red with: stop() without its last write; with the timer left alone.
test('at the end the remaining rows are written once, and no timer stays', async () => {
  const { log, written, refuse } = database();
  log.note(row('last'));
  await log.stop();
  expect(written).toEqual([['last']]);
  refuse('08006');
  log.note(row('lost'));
  await log.stop();
  expect(vi.getTimerCount()).toBe(0);
});

/** A database that answers when the test says so. */
function slowDatabase() {
  const asked: { readonly rows: readonly string[]; readonly answer: () => void }[] = [];
  const sql = (_text: TemplateStringsArray, ...holes: readonly unknown[]) =>
    new Promise((resolve) => {
      asked.push({ rows: [...(holes[2] as string[])], answer: () => resolve([]) });
    });
  return { asked, log: new TransitionLog({ sql: sql as unknown as Sql, log: silentLog }) };
}

// Seen red with: `this.#writing !== null` left out of #schedule (the second write overtakes the first).
test('a slow write is never overtaken: rows noted meanwhile are written after it, in order', async () => {
  const { log, asked } = slowDatabase();
  log.note(row('one'));
  await vi.advanceTimersByTimeAsync(1000);
  log.note(row('two'));
  await vi.advanceTimersByTimeAsync(5000);
  log.note(row('three'));
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked.map(({ rows }) => rows)).toEqual([['one']]);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked.map(({ rows }) => rows)).toEqual([['one'], ['two', 'three']]);
});

// Seen red with: `await this.#writing` left out of stop(); the last write left out; the last write not awaited.
test('a stop waits for the present write and for the last one', async () => {
  const { log, asked } = slowDatabase();
  log.note(row('one'));
  await vi.advanceTimersByTimeAsync(1000);
  log.note(row('two'));
  let stopped = false;
  const stopping = log.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.map(({ rows }) => rows)).toEqual([['one']]);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.map(({ rows }) => rows)).toEqual([['one'], ['two']]);
  expect(stopped).toBe(false);
  asked[1]?.answer();
  await stopping;
  expect(vi.getTimerCount()).toBe(0);
});
