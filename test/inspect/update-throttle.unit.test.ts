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

// Seen red with: `moved` not heeded.
test('a transition is always sent', () => {
  const throttle = new UpdateThrottle();
  for (const now of [0, 1, 2]) {
    throttle.moved(band);
    expect(throttle.sendsSnapshot(band, now)).toBe(true);
  }
  expect(throttle.holds).toBe(false);
});

// Seen red with: `moved` not reset when it was sent (all that followed was sent at once).
test('the first update without a transition is sent, and the following ones are held back until they are due', () => {
  const throttle = new UpdateThrottle();
  expect(throttle.sendsSnapshot(band, 1000)).toBe(true);
  expect(throttle.sendsSnapshot(band, 1000 + QUIET_MS - 1)).toBe(false);
  expect(throttle.holds).toBe(true);
  expect(throttle.due(1000 + QUIET_MS - 1)).toEqual([]);
  expect(throttle.due(1000 + QUIET_MS)).toEqual([band]);
  expect(throttle.holds).toBe(false);
  // That counts as sent: the next one waits for as long again.
  expect(throttle.sendsSnapshot(band, 1000 + 2 * QUIET_MS - 1)).toBe(false);
  expect(throttle.sendsSnapshot(band, 1000 + 2 * QUIET_MS)).toBe(true);
  expect(throttle.holds).toBe(false);
});

test('a transition includes what was held back', () => {
  const throttle = new UpdateThrottle();
  throttle.sendsSnapshot(band, 0);
  throttle.sendsSnapshot(band, 1);
  throttle.moved(band);
  expect(throttle.sendsSnapshot(band, 2)).toBe(true);
  expect(throttle.holds).toBe(false);
  expect(throttle.sendsSnapshot(band, 3)).toBe(false);
});

test('each actor has its own time, and one that has ended is never due', () => {
  const throttle = new UpdateThrottle();
  throttle.sendsSnapshot(band, 0);
  throttle.sendsSnapshot(hall, 50);
  throttle.sendsSnapshot(band, 60);
  throttle.sendsSnapshot(hall, 60);
  expect(throttle.due(QUIET_MS)).toEqual([band]);
  throttle.remove(hall);
  expect(throttle.holds).toBe(false);
  expect(throttle.due(10 * QUIET_MS)).toEqual([]);
});

// Seen red with: the type not kept; `types` kept when a transition was sent.
test('an event is sent once for its type, until some time has passed or a transition was taken', () => {
  const throttle = new UpdateThrottle();
  throttle.sendsSnapshot(band, 0);
  expect([
    throttle.sendsEvent(band, 'WAKE', 1),
    throttle.sendsEvent(band, 'WAKE', 2),
    throttle.sendsEvent(band, 'STOP', 2),
  ]).toEqual([true, false, true]);
  expect(throttle.sendsEvent(band, 'WAKE', QUIET_MS - 1)).toBe(false);
  expect(throttle.sendsEvent(band, 'WAKE', QUIET_MS)).toBe(true);
  throttle.sendsSnapshot(band, QUIET_MS);
  expect(throttle.sendsEvent(band, 'WAKE', QUIET_MS)).toBe(false);
  throttle.moved(band);
  throttle.sendsSnapshot(band, QUIET_MS + 1);
  expect(throttle.sendsEvent(band, 'WAKE', QUIET_MS + 2)).toBe(true);
  expect(throttle.sendsEvent(hall, 'WAKE', QUIET_MS + 2)).toBe(true);
});
