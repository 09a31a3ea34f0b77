import { expect, test } from 'vitest';
import { PageLimit } from '../../src/projector/page-size.ts';
import { PAGE_MAX, PAGE_MIN } from '../../src/projector/page-size-bounds.ts';

const QUICK = { full: true, ms: 10 };
const SLOW = { full: true, ms: 2000 };

test('a limit that is not given adapts to the duration of the pages', () => {
  const limit = new PageLimit(null);
  expect(limit.events).toBe(PAGE_MIN);
  limit.applied(QUICK);
  expect(limit.events).toBe(2 * PAGE_MIN);
  limit.applied(SLOW);
  expect(limit.events).toBe(PAGE_MIN);
  for (let page = 0; page < 10; page++) limit.applied(QUICK);
  expect(limit.events).toBe(PAGE_MAX);
});

// Seen red with: `this.#given === null` taken out; `<` made `<=` (a slow page made it smaller permanently).
test('a given limit does not adapt to the duration of the pages', () => {
  const limit = new PageLimit(1000);
  for (const page of [QUICK, SLOW, QUICK, SLOW]) {
    limit.applied(page);
    expect(limit.events).toBe(1000);
  }
});

// Seen red with: Math.min removed (the limit exceeded the given one).
test('a page that exceeds its deadline halves the limit, down to one event, and a given limit is reached again afterwards', () => {
  const limit = new PageLimit(700);
  expect(limit.tooSlow(700)).toBe(350);
  expect(limit.events).toBe(350);
  limit.applied(QUICK);
  expect(limit.events).toBe(700);
  expect([limit.tooSlow(300), limit.tooSlow(3), limit.tooSlow(1), limit.tooSlow(0)]).toEqual([150, 1, 1, 1]);
  const back = Array.from({ length: 11 }, () => {
    limit.applied(QUICK);
    return limit.events;
  });
  expect(back).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 700, 700]);
});
