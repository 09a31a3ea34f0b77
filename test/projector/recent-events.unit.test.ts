import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredEvent } from '../../src/core/event.ts';
import { RecentEvents } from '../../src/projector/recent-events.ts';

const event = (position: bigint, name = 'Noted'): StoredEvent =>
  ({ position, id: `id-${position}`, name, tstamp: 1000n + position }) as StoredEvent;
const NOTED = new Set(['Noted']);

test('a page has the events of its types after a position, up to the high-water mark of the last poll', () => {
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

test('events of other types give a page without events that still has their newest time', () => {
  const recent = new RecentEvents();
  recent.add(10n, 12n, [event(11n, 'Other'), event(12n, 'Other')]);
  expect(recent.page(10n, NOTED, 100)).toMatchObject({ events: [], to: 12n, newest: 1012n });
});

// Seen red with: `after < this.#after` left out.
test('there is no page for a position before the kept events, nor one with more events than the limit', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(13n)]);
  expect(recent.page(9n, NOTED, 100)).toBeNull();
  expect(recent.page(10n, NOTED, 1)).toBeNull();
  recent.invalidate();
  expect(recent.page(10n, NOTED, 100)).toBeNull();
});

test('the newest time is the greatest of all events, and is null if no event follows', () => {
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

// Seen red with: `#events` kept in invalidate; `#after` kept.
test('invalidated events do not come back with the next poll', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(13n)]);
  recent.invalidate();
  recent.add(0n, 2n, [event(1n), event(2n)]);
  expect(recent.page(0n, NOTED, 100)?.events).toEqual([event(1n), event(2n)]);
});

test('a poll that leaves a gap drops the older events', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n)]);
  recent.add(20n, 22n, [event(21n)]);
  expect([recent.page(10n, NOTED, 100), recent.page(19n, NOTED, 100)]).toEqual([null, null]);
  expect(recent.page(20n, NOTED, 100)?.events).toEqual([event(21n)]);
});

// Seen red with: `-KEPT` for `-KEPT - 1` (the oldest kept event was not used).
test('the newest 256 events are kept, and a projection that is 256 events behind gets all of them', () => {
  const recent = new RecentEvents();
  for (let position = 1n; position <= 300n; position += 1n) recent.add(position - 1n, position, [event(position)]);
  expect(recent.page(43n, NOTED, 1000)).toBeNull();
  expect(recent.page(44n, NOTED, 1000)?.events).toHaveLength(256);
});

/** The results of polls: each begins where the last one ended, unless a poll did not read the events. */
const polls = fc.array(fc.record({ size: fc.nat(90), gap: fc.boolean(), hole: fc.integer({ min: 1, max: 3 }) }), {
  maxLength: 12,
});

// Seen red with: `#after` not moved when old events are dropped; polls joined over a gap.
test('for any sequence of polls, a page never leaves out an event', () => {
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
