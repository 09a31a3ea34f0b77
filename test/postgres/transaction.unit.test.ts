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

/** A server that answers when the test calls `answer`. */
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

/** Waits until Node has reported unhandled rejections, which it does after the microtasks. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

const LEFT: readonly [what: string, leave: (tx: Transaction) => void, sent: number][] = [
  ['is never awaited', (tx) => void tx`DELETE FROM ledger`, 0],
  ['has a then that is not awaited', (tx) => void tx`DELETE FROM ledger`.then(() => undefined), 1],
  ['is awaited by a function that is not awaited', (tx) => void (async () => await tx`DELETE FROM ledger`)(), 0],
  ['is in a Promise.all that is not awaited', (tx) => void Promise.all([tx`DELETE FROM ledger`]), 0],
];

// Seen red with: `notAwaited` not checked in send (unhandled rejections, by TRANSACTION_OVER or the server's error).
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

// Seen red with: every statement after the end never answered (code that keeps a transaction would wait for ever).
test('a statement that is made after the end is refused', async () => {
  const { guarded } = server();
  expect(guarded.end()).toBeNull();
  await expect(Promise.resolve(guarded.tx`SELECT 1`)).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
});

// Seen red with: `revoke` that fills `notAwaited` as `end` does (the handler would never reach its `finally`).
test('after a revoke the statement that the handler awaits still rejects', async () => {
  const { guarded, answer } = server();
  const waiting = Promise.resolve(guarded.tx`SELECT pg_sleep(60)`);
  const rejected = expect(waiting).rejects.toThrow('the session was ended');
  await settled();
  expect(guarded.waiting).toBe('SELECT pg_sleep(60)');
  guarded.revoke();
  expect(guarded.end()).toBe('SELECT pg_sleep(60)');
  answer(new Error('the session was ended'));
  await rejected;
  expect(guarded.waiting).toBeNull();
});

// Seen red with: `failure ??=` made `failure =` (the last error only follows from the first one); the first one kept after a ROLLBACK TO.
test('the failed statement is found by its error, until the handler rolls it back to a savepoint', async () => {
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
