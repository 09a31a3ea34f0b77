import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredEvent } from '../../src/core/event.ts';
import { RecentEvents } from '../../src/projector/recent-events.ts';

const event = (position: bigint, name = 'Noted'): StoredEvent =>
  ({ position, id: `id-${position}`, name, tstamp: 1000n + position }) as StoredEvent;
const NOTED = new Set(['Noted']);

test('a page has what is wanted after its place, up to the head of the last look', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(12n, 'Other'), event(13n)]);
  expect(recent.page(10n, NOTED, 100)).toEqual({
    after: 10n,
    events: [event(11n), event(13n)],
    to: 13n,
    toId: 'id-13',
    full: false,
    newest: 1013n,
  });
  expect(recent.page(12n, NOTED, 100)?.events).toEqual([event(13n)]);
});

test('events that nobody wants make a page without events, whose newest time counts all the same', () => {
  const recent = new RecentEvents();
  recent.add(10n, 12n, [event(11n, 'Other'), event(12n, 'Other')]);
  expect(recent.page(10n, NOTED, 100)).toMatchObject({ events: [], to: 12n, newest: 1012n });
});

// Seen red with: `after < this.#after` left out.
test('who is further behind than is known, or wants fewer at a time, has to read', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(13n)]);
  expect(recent.page(9n, NOTED, 100)).toBeNull();
  expect(recent.page(10n, NOTED, 1)).toBeNull();
  recent.invalidate();
  expect(recent.page(10n, NOTED, 100)).toBeNull();
});

test('the newest time is the greatest, wherever it stands, and there is none where nothing follows', () => {
  const recent = new RecentEvents();
  const at = (position: bigint, tstamp: bigint) => ({ ...event(position), tstamp });
  recent.add(10n, 14n, [at(11n, 5n), at(12n, 9n), at(13n, 7n)]);
  expect(recent.page(10n, NOTED, 3)?.newest).toBe(9n);
  expect(recent.page(13n, NOTED, 3)).toEqual({
    after: 13n,
    toId: null,
    events: [],
    to: 14n,
    full: false,
    newest: null,
  });
  expect([recent.page(14n, NOTED, 3), recent.page(15n, NOTED, 3)]).toEqual([null, null]);
});

// Seen red with: `#events` kept in forget; `#after` kept.
test('what is forgotten does not come back with the next look', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(13n)]);
  recent.invalidate();
  recent.add(0n, 2n, [event(1n), event(2n)]);
  expect(recent.page(0n, NOTED, 100)?.events).toEqual([event(1n), event(2n)]);
});

test('a look that leaves a hole begins anew', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n)]);
  recent.add(20n, 22n, [event(21n)]);
  expect([recent.page(10n, NOTED, 100), recent.page(19n, NOTED, 100)]).toEqual([null, null]);
  expect(recent.page(20n, NOTED, 100)?.events).toEqual([event(21n)]);
});

// Seen red with: `-KEPT` for `-KEPT - 1` (one event less was known than was kept).
test('the newest 256 events are kept, and one that is that far behind finds all of them', () => {
  const recent = new RecentEvents();
  for (let position = 1n; position <= 300n; position += 1n) recent.add(position - 1n, position, [event(position)]);
  expect(recent.page(43n, NOTED, 1000)).toBeNull();
  expect(recent.page(44n, NOTED, 1000)?.events).toHaveLength(256);
});

/** What looks have seen: each one begins where the last one ended, unless one of them did not read along. */
const polls = fc.array(fc.record({ size: fc.nat(90), gap: fc.boolean(), hole: fc.integer({ min: 1, max: 3 }) }), {
  maxLength: 12,
});

// Seen red with: `#after` not moved when old events are dropped; looks joined over a hole.
test('whatever the looks saw, a page never leaves out an event', () => {
  fc.assert(
    fc.property(polls, fc.nat(), (seen, place) => {
      const recent = new RecentEvents();
      const all: StoredEvent[] = [];
      let head = 0n;
      for (const { size, gap, hole } of seen) {
        if (gap) {
          head += 1n;
          all.push(event(head));
        }
        const found = Array.from({ length: size }, (_, at) => event(head + BigInt((at + 1) * hole)));
        const to = found.at(-1)?.position ?? head;
        recent.add(head, to, found);
        all.push(...found);
        head = to;
      }
      const after = BigInt(place) % (head + 1n);
      const page = recent.page(after, NOTED, 10_000);
      if (page !== null) expect(page.events).toEqual(all.filter(({ position }) => position > after));
    }),
  );
});
