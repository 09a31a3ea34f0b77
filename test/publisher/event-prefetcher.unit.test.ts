import { setImmediate as settled } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PageRequest, RawEvent } from '../../src/event-store/read.ts';
import { EventPrefetcher } from '../../src/publisher/event-prefetcher.ts';

const eventAt = (position: bigint): RawEvent => ({
  position,
  id: `id-${position}`,
  instanceId: '',
  aggregateName: 'domain.Test',
  aggregateId: 'a',
  sequenceNo: position,
  name: 'Appended',
  occurredAt: '2026-03-01T19:00:00.000000Z',
  tstamp: 1n,
  payload: '{}',
  metadata: '{}',
});

/** A store with events at these positions, in pages of two, that counts the reads. */
function setUp(positions: readonly bigint[], { latest = 100n as bigint | null } = {}) {
  const store = { positions, latest, refreshed: 0, fails: false };
  const reads: bigint[] = [];
  const readPage = async (request: PageRequest) => {
    const { after, head } = request;
    reads.push(after);
    await settled();
    if (store.fails) throw new Error('the database is away');
    const left = store.positions.filter((position) => position > after && position <= head);
    const events = left.slice(0, 2).map(eventAt);
    const more = left.length > events.length;
    const to = more ? (events.at(-1)?.position ?? head) : head;
    return { after, events, to, full: more, more, newest: null, bytes: 0 };
  };
  const highWaterMark = {
    latest: () => store.latest,
    refresh: async () => {
      store.refreshed += 1;
      return 100n;
    },
  };
  const events = new EventPrefetcher(readPage, highWaterMark);
  /** The positions from here on, as the sender asks for them. */
  const all = async (from = 0n): Promise<readonly bigint[]> => {
    const found: bigint[] = [];
    for (let last = from; ; last = found.at(-1) ?? from) {
      const event = events.ready(last) ?? (await events.next(last));
      if (event === null) return found;
      found.push(event.position);
    }
  };
  return { store, events, reads, all };
}

// Seen red with: the index kept over pages; the event before the last one sent given again.
test('yields every event once, in order, over holes and pages', async () => {
  const { all } = setUp([1n, 2n, 5n, 9n, 10n]);
  expect(await all()).toEqual([1n, 2n, 5n, 9n, 10n]);
});

// Seen red with: the page read ahead not used (each page is read twice); not read ahead.
test('reads the next page ahead, and each page once', async () => {
  const { events, reads, all } = setUp([1n, 2n, 3n, 4n, 5n]);
  expect((await events.next(0n))?.position).toBe(1n);
  expect(reads).toEqual([0n, 2n]);
  expect(await all(1n)).toEqual([2n, 3n, 4n, 5n]);
  // The last one finds that there is no more.
  expect(reads).toEqual([0n, 2n, 4n, 5n]);
});

// Seen red with: the position of the page read ahead not compared; that of `ready` not compared.
test('reads anew from another position than the one that it read ahead', async () => {
  const { all, events } = setUp([1n, 2n, 3n, 4n, 5n]);
  await events.next(0n);
  expect(await all(3n)).toEqual([4n, 5n]);
  expect(await all()).toEqual([1n, 2n, 3n, 4n, 5n]);
});

// Seen red with: the page kept; the page read ahead kept.
test.each([0n, 2n])('yields no event from memory after invalidate: from %s', async (from) => {
  const { store, events } = setUp([1n, 2n, 3n, 4n]);
  await events.next(0n);
  // The page read ahead has arrived.
  await settled();
  store.positions = [1n, 7n];
  events.invalidate();
  expect(events.ready(from)).toBe(null);
  expect((await events.next(from))?.position).toBe(from === 0n ? 1n : 7n);
});

// Seen red with: the rejection of the page read ahead not handled when it is dropped (the run reports it); swallowed when it is used.
test('rejects for a page that could not be read only when it is asked for', async () => {
  const { store, events, all } = setUp([1n, 2n, 3n, 4n]);
  const first = events.next(0n);
  await settled();
  store.fails = true;
  expect((await first)?.position).toBe(1n);
  await settled();
  await settled();
  await expect(events.next(2n)).rejects.toThrow('the database is away');
  store.fails = false;
  expect(await all(2n)).toEqual([3n, 4n]);
});

// Seen red with: an unknown high-water mark taken for 0.
test('reads the high-water mark where it is not known, and no event above it', async () => {
  const { store, all } = setUp([1n, 200n], { latest: null });
  expect(await all()).toEqual([1n]);
  expect(store.refreshed).toBe(2);
});
