import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { publisherMachine } from '../../machines/publisher.ts';

/** Milliseconds of a delay, with these fields and this random number in the context. */
function delayOf(machine: AnyStateMachine, name: string, context: object, random = 0): unknown {
  const delay: unknown = machine.implementations.delays[name];
  return typeof delay === 'function' ? delay({ context: { ...context, random: () => random } }, undefined) : delay;
}

/** The greatest delay of a timer; one that is set to more fires at once. */
const LONGEST = 2 ** 31 - 1;
const ALMOST = 1 - Number.EPSILON;
const backoff = { baseMs: 200, capMs: 30_000 };
const endless = { baseMs: 2 ** 40, capMs: 2 ** 41 };

describe('a projection', () => {
  const of = (name: string, context: object, random?: number) => delayOf(projectionMachine, name, context, random);

  test('backs off for a random time below a ceiling that doubles, and no longer than a timer can', () => {
    expect([1, 2, 3].map((backoffs) => of('backoff', { backoffs, backoff }, ALMOST))).toEqual([199, 399, 799]);
    expect(of('backoff', { backoffs: 3, backoff }, 0)).toBe(0);
    expect(of('backoff', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  // Seen red with: 250 taken out (all that stood by retried at once); Math.max taken out.
  test('stands by for at least a quarter of a second and a random time', () => {
    expect([0, 1, 2].map((backoffs) => of('standby', { backoffs, backoff }, ALMOST))).toEqual([449, 449, 649]);
    expect(of('standby', { backoffs: 1, backoff }, 0)).toBe(250);
    expect(of('standby', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('that waits for another projection tries again soon, and then less often, down to four times a second', () => {
    expect([0, 1, 2, 4, 5, 500].map((backoffs) => of('retryLookup', { backoffs }))).toEqual([
      10, 20, 40, 160, 250, 250,
    ]);
  });

  test('tries a failed event again after the time of its policy', () => {
    expect(of('retryFailedAfter', { retryFailedAfterMs: 1000 })).toBe(1000);
    expect(of('retryFailedAfter', { retryFailedAfterMs: 2 ** 40 })).toBe(LONGEST);
  });
});

describe('the publisher', () => {
  const of = (name: string, context: object, random?: number) => delayOf(publisherMachine, name, context, random);

  // Seen red with: Math.max taken out (the ceiling of the first wait was halved).
  test('backs off for 20 ms and a random time', () => {
    expect([0, 1, 2].map((backoffs) => of('backoff', { backoffs, backoff }, ALMOST))).toEqual([219, 219, 419]);
    expect(of('backoff', { backoffs: 1, backoff }, 0)).toBe(20);
    expect(of('backoff', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('stands by for at least a quarter of a second', () => {
    expect([0, ALMOST].map((random) => of('standby', { backoff }, random))).toEqual([250, 449]);
    expect(of('standby', { backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('tries an event that cannot be sent again after the time of the setting', () => {
    expect(of('haltedRetry', { retryHaltedAfterMs: 1000 })).toBe(1000);
    expect(of('haltedRetry', { retryHaltedAfterMs: 2 ** 40 })).toBe(LONGEST);
  });
});

test('the first attempt to connect to the broker has the time of the setting', () => {
  expect(delayOf(brokerMachine, 'connectWithin', { connectWithinMs: 5000 })).toBe(5000);
  expect(delayOf(brokerMachine, 'connectWithin', { connectWithinMs: 2 ** 40 })).toBe(LONGEST);
});
