import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredEvent } from '../../src/core/event.ts';
import { RecentEvents } from '../../src/engine/recent-events.ts';

const event = (position: bigint, name = 'Noted'): StoredEvent =>
  ({ position, name, tstamp: 1000n + position }) as StoredEvent;
const NOTED = new Set(['Noted']);

test('a page has what is wanted after its place, up to the head of the last look', () => {
  const recent = new RecentEvents();
  recent.add(10n, 13n, [event(11n), event(12n, 'Other'), event(13n)]);
  expect(recent.page(10n, NOTED, 100)).toEqual({
    after: 10n,
    events: [event(11n), event(13n)],
    to: 13n,
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
  recent.forget();
  expect(recent.page(10n, NOTED, 100)).toBeNull();
});

/** What looks have seen: each one begins where the last one ended, unless one of them did not read along. */
const looks = fc.array(fc.record({ size: fc.nat(90), gap: fc.boolean(), hole: fc.integer({ min: 1, max: 3 }) }), {
  maxLength: 12,
});

// Seen red with: `#after` not moved when old events are dropped; looks joined over a hole.
test('whatever the looks saw, a page never leaves out an event', () => {
  fc.assert(
    fc.property(looks, fc.nat(), (seen, place) => {
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
