import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import type { Transaction } from '../../src/core/projection.ts';
import { guardTransaction } from '../../src/postgres/guarded-transaction.ts';
import { queryable } from '../../src/postgres/session.ts';
import { promised } from '../support/promised.ts';
import { watchUncaught } from '../support/uncaught.ts';

let uncaught: ReturnType<typeof watchUncaught>;
beforeEach(() => {
  uncaught = watchUncaught();
});
afterEach(() => uncaught.stop());

/** A server that answers when the test says so. */
function server() {
  const { promise: answered, resolve: answer } = promised<Error | null>();
  const sent: string[] = [];
  const sql = queryable(async ({ text }) => {
    sent.push(text);
    const error = await answered;
    if (error !== null) throw error;
    return [];
  });
  return { guarded: guardTransaction(sql), sent, answer };
}

/** Node tells of a rejection that nobody has heard of when the microtasks are done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

const LEFT: readonly [what: string, leave: (tx: Transaction) => void, sent: number][] = [
  ['is never awaited', (tx) => void tx`DELETE FROM ledger`, 0],
  ['has a then that nobody awaits', (tx) => void tx`DELETE FROM ledger`.then(() => undefined), 1],
  ['is awaited by a function that nobody awaits', (tx) => void (async () => await tx`DELETE FROM ledger`)(), 0],
  ['is in a Promise.all that nobody awaits', (tx) => void Promise.all([tx`DELETE FROM ledger`]), 0],
];

// Seen red with: `leftBehind` not looked at in send (unhandled rejections, by TRANSACTION_OVER or the server's error).
test.each(LEFT)(
  'a statement that %s is the failure of its handler, and no unhandled rejection',
  async (_what, leave, count) => {
    for (const outcome of [new Error('no'), null]) {
      const { guarded, sent, answer } = server();
      leave(guarded.tx);
      expect(guarded.end()).toBe('DELETE FROM ledger');
      answer(outcome);
      await settled();
      expect(sent).toHaveLength(count);
    }
    expect(uncaught.seen).toEqual([]);
  },
);

// Seen red with: every statement after the end never answered (who keeps a transaction would wait for ever).
test('what is made after the end is refused', async () => {
  const { guarded } = server();
  expect(guarded.end()).toBeNull();
  await expect(Promise.resolve(guarded.tx`SELECT 1`)).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
});

// Seen red with: revoke that leaves behind as `end` does (the handler would never come to its `finally`).
test('a handler whose time is over hears of the statement that it waits for', async () => {
  const { guarded, answer } = server();
  const waiting = Promise.resolve(guarded.tx`SELECT pg_sleep(60)`);
  const heard = expect(waiting).rejects.toThrow('the session was ended');
  await settled();
  expect(guarded.waiting).toBe('SELECT pg_sleep(60)');
  guarded.revoke();
  expect(guarded.end()).toBe('SELECT pg_sleep(60)');
  answer(new Error('the session was ended'));
  await heard;
  expect(guarded.waiting).toBeNull();
});

// Seen red with: `failure ??=` made `failure =` (the last one is only an echo); the first one kept after a ROLLBACK TO.
test('the statement at fault is known by the error that came of it, until the handler takes it back', async () => {
  const error = new Error('no');
  const broken = new Set<string>(['SELECT $1', 'SELECT 2', 'SELECT 3']);
  const { tx, failed } = guardTransaction(
    queryable(async ({ text }) => {
      if (broken.has(text)) throw error;
      return [];
    }),
  );
  const ignored = new EngineError('HANDLER_IGNORED_ERROR');
  await tx`SAVEPOINT mine`;
  await tx`SELECT ${1}`.then(undefined, () => undefined);
  await tx`SELECT 2`.then(undefined, () => undefined);
  expect([failed(error), failed(ignored), failed(new Error('its own'))]).toEqual(['SELECT $1', 'SELECT $1', null]);
  await tx`ROLLBACK TO mine`;
  expect(failed(ignored)).toBeNull();
  await tx`SELECT 3`.then(undefined, () => undefined);
  expect(failed(ignored)).toBe('SELECT 3');
});
