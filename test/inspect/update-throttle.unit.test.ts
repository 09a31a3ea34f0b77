import { beforeEach, expect, test } from 'vitest';
import type { AnyActor } from 'xstate';
import { ActorRecord } from '../../src/inspect/actor-record.ts';
import { QUIET_MS, UpdateThrottle } from '../../src/inspect/update-throttle.ts';

function living(number: number): ActorRecord {
  const actor = { id: 'band', sessionId: `x:${number}`, getSnapshot: () => ({}) };
  return new ActorRecord(actor as unknown as AnyActor, { number, boot: 'boot', rootId: 'x:0' });
}
let [band, hall] = [living(1), living(2)];
beforeEach(() => {
  [band, hall] = [living(1), living(2)];
});

// Seen red with: `lately.moved` not heeded.
test('a transition is told whenever it comes', () => {
  const throttle = new UpdateThrottle();
  for (const now of [0, 1, 2]) {
    throttle.moved(band);
    expect(throttle.snapshot(band, now)).toBe(true);
  }
  expect(throttle.holds).toBe(false);
});

// Seen red with: `moved` not taken back when it was told (all that followed was told at once).
test('of what moves nowhere the first is told, and what follows is held back until its time has come', () => {
  const throttle = new UpdateThrottle();
  expect(throttle.snapshot(band, 1000)).toBe(true);
  expect(throttle.snapshot(band, 1000 + QUIET_MS - 1)).toBe(false);
  expect(throttle.holds).toBe(true);
  expect(throttle.due(1000 + QUIET_MS - 1)).toEqual([]);
  expect(throttle.due(1000 + QUIET_MS)).toEqual([band]);
  expect(throttle.holds).toBe(false);
  // That was a telling: the next one waits for as long again.
  expect(throttle.snapshot(band, 1000 + 2 * QUIET_MS - 1)).toBe(false);
  expect(throttle.snapshot(band, 1000 + 2 * QUIET_MS)).toBe(true);
  expect(throttle.holds).toBe(false);
});

test('a transition tells what was held back as well', () => {
  const throttle = new UpdateThrottle();
  throttle.snapshot(band, 0);
  throttle.snapshot(band, 1);
  throttle.moved(band);
  expect(throttle.snapshot(band, 2)).toBe(true);
  expect(throttle.holds).toBe(false);
  expect(throttle.snapshot(band, 3)).toBe(false);
});

test('each actor has a time of its own, and one that has ended is not due any more', () => {
  const throttle = new UpdateThrottle();
  throttle.snapshot(band, 0);
  throttle.snapshot(hall, 50);
  throttle.snapshot(band, 60);
  throttle.snapshot(hall, 60);
  expect(throttle.due(QUIET_MS)).toEqual([band]);
  throttle.forget(hall);
  expect(throttle.holds).toBe(false);
  expect(throttle.due(10 * QUIET_MS)).toEqual([]);
});

// Seen red with: the type not kept; `types` as they were where a transition was told.
test('an event is told once of its type, until a while has passed or a transition was taken', () => {
  const throttle = new UpdateThrottle();
  throttle.snapshot(band, 0);
  expect([throttle.event(band, 'WAKE', 1), throttle.event(band, 'WAKE', 2), throttle.event(band, 'STOP', 2)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(throttle.event(band, 'WAKE', QUIET_MS - 1)).toBe(false);
  expect(throttle.event(band, 'WAKE', QUIET_MS)).toBe(true);
  throttle.snapshot(band, QUIET_MS);
  expect(throttle.event(band, 'WAKE', QUIET_MS)).toBe(false);
  throttle.moved(band);
  throttle.snapshot(band, QUIET_MS + 1);
  expect(throttle.event(band, 'WAKE', QUIET_MS + 2)).toBe(true);
  expect(throttle.event(hall, 'WAKE', QUIET_MS + 2)).toBe(true);
});
