import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { publisherMachine } from '../../machines/publisher.ts';

/** Milliseconds of a delay, with these fields and this source of randomness in the context. */
function delayOf(machine: AnyStateMachine, name: string, context: object, random = 0): unknown {
  const delay: unknown = machine.implementations.delays[name];
  return typeof delay === 'function' ? delay({ context: { ...context, random: () => random } }, undefined) : delay;
}

/** The timer of a machine takes no more; one that is set to more fires at once. */
const LONGEST = 2 ** 31 - 1;
const ALMOST = 1 - Number.EPSILON;
const backoff = { baseMs: 200, capMs: 30_000 };
const endless = { baseMs: 2 ** 40, capMs: 2 ** 41 };

describe('a projection', () => {
  const of = (name: string, context: object, random?: number) => delayOf(projectionMachine, name, context, random);

  test('backs off at random up to a ceiling that doubles, and no longer than a timer can', () => {
    expect([1, 2, 3].map((backoffs) => of('backoff', { backoffs, backoff }, ALMOST))).toEqual([199, 399, 799]);
    expect(of('backoff', { backoffs: 3, backoff }, 0)).toBe(0);
    expect(of('backoff', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  // Seen red with: 250 taken out (all that stood by came at once); Math.max taken out.
  test('stands by for a quarter of a second at least, of which the rest is at random', () => {
    expect([0, 1, 2].map((backoffs) => of('standby', { backoffs, backoff }, ALMOST))).toEqual([449, 449, 649]);
    expect(of('standby', { backoffs: 1, backoff }, 0)).toBe(250);
    expect(of('standby', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('that waits for another one looks again soon, and then less often, up to four times a second', () => {
    expect([0, 1, 2, 4, 5, 500].map((backoffs) => of('retryLookup', { backoffs }))).toEqual([
      10, 20, 40, 160, 250, 250,
    ]);
  });

  test('tries a failed event again when its policy says', () => {
    expect(of('retryFailedAfter', { retryFailedAfterMs: 1000 })).toBe(1000);
    expect(of('retryFailedAfter', { retryFailedAfterMs: 2 ** 40 })).toBe(LONGEST);
  });
});

describe('the publisher', () => {
  const of = (name: string, context: object, random?: number) => delayOf(publisherMachine, name, context, random);

  // Seen red with: Math.max taken out (the first wait had a ceiling of half).
  test('backs off for 20 ms and at random on top', () => {
    expect([0, 1, 2].map((backoffs) => of('backoff', { backoffs, backoff }, ALMOST))).toEqual([219, 219, 419]);
    expect(of('backoff', { backoffs: 1, backoff }, 0)).toBe(20);
    expect(of('backoff', { backoffs: 1, backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('stands by for a quarter of a second at least', () => {
    expect([0, ALMOST].map((random) => of('standby', { backoff }, random))).toEqual([250, 449]);
    expect(of('standby', { backoff: endless }, ALMOST)).toBe(LONGEST);
  });

  test('tries an event that cannot be sent again when it is told to', () => {
    expect(of('haltedRetry', { retryHaltedAfterMs: 1000 })).toBe(1000);
    expect(of('haltedRetry', { retryHaltedAfterMs: 2 ** 40 })).toBe(LONGEST);
  });
});

test('a broker’s first attempt has the patience that is set', () => {
  expect(delayOf(brokerMachine, 'patience', { patienceMs: 5000 })).toBe(5000);
  expect(delayOf(brokerMachine, 'patience', { patienceMs: 2 ** 40 })).toBe(LONGEST);
});
