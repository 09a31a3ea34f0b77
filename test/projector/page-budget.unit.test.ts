import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageBudget, type Share } from '../../src/projector/page-budget.ts';

const NEVER = new AbortController().signal;
const small = () => new PageBudget({ total: 1000, most: 400, least: 100 });

/** Waits until every promise that can settle has settled. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

// Seen red with: the claims left out of #shareSize; #held not compared with total in #take.
test('the more pages there are, the smaller is each share, and together they never exceed the budget', async () => {
  const budget = small();
  const parts: number[] = [];
  for (;;) {
    const share = budget.tryTake();
    if (share === null) break;
    parts.push(share.bytes);
  }
  expect(parts[0]).toBe(400);
  expect(parts.at(-1)).toBeLessThan(400);
  expect(parts).toEqual([...parts].sort((a, b) => b - a));
  expect(budget.held).toBe(parts.reduce((sum, bytes) => sum + bytes, 0));
  expect(budget.held).toBeLessThanOrEqual(1000);
});

// Seen red with: #admit that begins at the end of the queue; `change` without #admit.
test('waiting pages get their shares in order, and no page overtakes the queue', async () => {
  const budget = small();
  const first = [budget.tryTake(), budget.tryTake(), budget.tryTake()];
  const served: string[] = [];
  const wait = (name: string) =>
    budget.take(NEVER).then((share) => {
      served.push(name);
      return share;
    });
  const waiting = ['a', 'b', 'c', 'd', 'e', 'f'].map(wait);
  await turn();
  expect(budget.waiting).toBe(6 - served.length);
  const before = served.length;
  expect(budget.tryTake()).toBe(null);
  for (const share of first) share?.release();
  for (let index = 0; index < waiting.length; index += 1) {
    await turn();
    (await Promise.race([waiting[index], turn().then(() => null)]))?.release();
  }
  expect(before).toBeLessThan(6);
  expect(served).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  expect([budget.held, budget.waiting]).toEqual([0, 0]);
});

// Seen red with: `change` without #admit.
test('the part of a share that a page does not need is free as soon as the page is read', async () => {
  const budget = new PageBudget({ total: 1000, most: 1000, least: 900 });
  const share = budget.tryTake();
  const next = budget.take(NEVER);
  await turn();
  expect(budget.waiting).toBe(1);
  share?.resize(50);
  expect((await next).bytes).toBe(900);
});

test('an event larger than the budget gets through when nothing else is held, and the other pages wait for it', async () => {
  const budget = small();
  const share = budget.tryTake();
  share?.resize(5000);
  const next = budget.take(NEVER);
  await turn();
  expect([budget.held, budget.waiting]).toEqual([5000, 1]);
  share?.release();
  share?.release();
  expect((await next).bytes).toBe(400);
  expect(budget.held).toBe(400);
});

// Seen red with: the aborted page kept in the queue.
test('a page whose wait is aborted leaves the queue and delays no other page', async () => {
  const budget = new PageBudget({ total: 100, most: 100, least: 100 });
  const held = budget.tryTake();
  const gaveUp = new AbortController();
  const first = budget.take(gaveUp.signal);
  const second = budget.take(NEVER);
  gaveUp.abort(new Error('stopped'));
  await expect(first).rejects.toThrow('stopped');
  await expect(budget.take(gaveUp.signal)).rejects.toThrow('stopped');
  held?.release();
  expect((await second).bytes).toBe(100);
});

// Seen red with: `if (!open) return` taken out of release.
test('a second release of a page has no effect', () => {
  const budget = new PageBudget({ total: 1000, most: 1000, least: 100 });
  const first = budget.tryTake();
  first?.release();
  first?.release();
  budget.tryTake()?.resize(100);
  expect(budget.tryTake()?.bytes).toBe(500);
});

// Each worker acts as a projection does: it waits while it holds no share, resizes, reads ahead without waiting, releases.
// Seen red with: read-ahead that waits (`take` in place of `tryTake`): deadlock.
test('for any order of takes and releases all projections finish, and the budget is never exceeded', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 }), {
        minLength: 1,
        maxLength: 30,
      }),
      async (projections) => {
        const budget = small();
        let most = 0;
        const work = async (pages: readonly number[]): Promise<void> => {
          let ahead: Share | null = null;
          for (const bytes of pages) {
            const share: Share = ahead ?? (await budget.take(NEVER));
            share.resize(Math.min(bytes, share.bytes));
            ahead = budget.tryTake();
            most = Math.max(most, budget.held);
            await Promise.resolve();
            share.release();
          }
          ahead?.release();
        };
        await Promise.all(projections.map(work));
        expect([budget.held, budget.waiting]).toEqual([0, 0]);
        expect(most).toBeLessThanOrEqual(1000);
      },
    ),
  );
});
