import { beforeEach, expect, test } from 'vitest';
import type { AnyActor } from 'xstate';
import { Living } from '../../src/inspect/living.ts';
import { Pace, QUIET_MS } from '../../src/inspect/pace.ts';

function living(number: number): Living {
  const actor = { id: 'band', sessionId: `x:${number}`, getSnapshot: () => ({}) };
  return new Living(actor as unknown as AnyActor, { number, boot: 'boot', rootId: 'x:0' });
}
let [band, hall] = [living(1), living(2)];
beforeEach(() => {
  [band, hall] = [living(1), living(2)];
});

// Seen red with: `lately.moved` not heeded.
test('a transition is told whenever it comes', () => {
  const pace = new Pace();
  for (const now of [0, 1, 2]) {
    pace.moved(band);
    expect(pace.snapshot(band, now)).toBe(true);
  }
  expect(pace.holds).toBe(false);
});

// Seen red with: `moved` not taken back when it was told (all that followed was told at once).
test('of what moves nowhere the first is told, and what follows is held back until its time has come', () => {
  const pace = new Pace();
  expect(pace.snapshot(band, 1000)).toBe(true);
  expect(pace.snapshot(band, 1000 + QUIET_MS - 1)).toBe(false);
  expect(pace.holds).toBe(true);
  expect(pace.due(1000 + QUIET_MS - 1)).toEqual([]);
  expect(pace.due(1000 + QUIET_MS)).toEqual([band]);
  expect(pace.holds).toBe(false);
  // That was a telling: the next one waits for as long again.
  expect(pace.snapshot(band, 1000 + 2 * QUIET_MS - 1)).toBe(false);
  expect(pace.snapshot(band, 1000 + 2 * QUIET_MS)).toBe(true);
  expect(pace.holds).toBe(false);
});

test('a transition tells what was held back as well', () => {
  const pace = new Pace();
  pace.snapshot(band, 0);
  pace.snapshot(band, 1);
  pace.moved(band);
  expect(pace.snapshot(band, 2)).toBe(true);
  expect(pace.holds).toBe(false);
  expect(pace.snapshot(band, 3)).toBe(false);
});

test('each actor has a time of its own, and one that has ended is not due any more', () => {
  const pace = new Pace();
  pace.snapshot(band, 0);
  pace.snapshot(hall, 50);
  pace.snapshot(band, 60);
  pace.snapshot(hall, 60);
  expect(pace.due(QUIET_MS)).toEqual([band]);
  pace.forget(hall);
  expect(pace.holds).toBe(false);
  expect(pace.due(10 * QUIET_MS)).toEqual([]);
});

// Seen red with: the type not kept; `types` as they were where a transition was told.
test('an event is told once of its type, until a while has passed or a transition was taken', () => {
  const pace = new Pace();
  pace.snapshot(band, 0);
  expect([pace.event(band, 'WAKE', 1), pace.event(band, 'WAKE', 2), pace.event(band, 'STOP', 2)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(pace.event(band, 'WAKE', QUIET_MS - 1)).toBe(false);
  expect(pace.event(band, 'WAKE', QUIET_MS)).toBe(true);
  pace.snapshot(band, QUIET_MS);
  expect(pace.event(band, 'WAKE', QUIET_MS)).toBe(false);
  pace.moved(band);
  pace.snapshot(band, QUIET_MS + 1);
  expect(pace.event(band, 'WAKE', QUIET_MS + 2)).toBe(true);
  expect(pace.event(hall, 'WAKE', QUIET_MS + 2)).toBe(true);
});
