import { expect, test } from 'vitest';
import {
  DEFAULT_POLICY,
  type FailurePolicy,
  HALT_AT_ONCE,
  resolvePolicy,
  verdictOf,
} from '../../src/core/failure-policy.ts';
import { create, defineProjection } from '../../src/index.ts';

const verdicts = (policy: Partial<FailurePolicy>) =>
  [1, 2, 3, 4, 5, 6, 7].map((attempts) => verdictOf(resolvePolicy(policy), attempts)).join(' ');

test.each<[Partial<FailurePolicy>, string]>([
  [{}, 'retry retry retry retry retry halt halt'],
  [{ retries: 0 }, 'halt halt halt halt halt halt halt'],
  [{ retries: 2, maxFailureCount: 1 }, 'retry retry halt halt halt halt halt'],
  [{ onFailure: 'skip' }, 'retry retry retry retry skip skip skip'],
  [{ onFailure: 'skip', maxFailureCount: 1 }, 'skip skip skip skip skip skip skip'],
  [{ onFailure: 'skip', maxFailureCount: 0, retries: 9 }, 'skip skip skip skip skip skip skip'],
])('with %o the attempts at an event end so: %s', (policy, expected) => {
  expect(verdicts(policy)).toBe(expected);
});

test('the last layer that says something wins, setting by setting', () => {
  expect(resolvePolicy({ retries: 7, pageTimeoutMs: 1 }, { retries: 3 })).toEqual({
    ...DEFAULT_POLICY,
    retries: 3,
    pageTimeoutMs: 1,
  });
});

const withPolicy = (policy: object) => () =>
  defineProjection<{ name: 'Noted'; payload: unknown }>()({
    name: 'p',
    tables: { p: { key: ['id'] } },
    on: { Noted: () => create('p', { id: 1 }) },
    policy,
  });

test.each<[object, string]>([
  [{ onFailure: 'stop' }, 'policy.onFailure is not one of halt, skip'],
  [{ retires: 3 }, 'policy.retires is not known'],
  [{ __proto__x: 3 }, 'policy.__proto__x is not known'],
  [{ retries: -1 }, 'policy.retries is not a whole number from 0 to 2147483647'],
  [{ retries: '3' }, 'policy.retries is not a whole number from 0 to 2147483647'],
  [{ eventTimeoutMs: 0 }, 'policy.eventTimeoutMs is not a whole number from 1 to 2147483647'],
  [{ retries: 1.5 }, 'policy.retries is not a whole number from 0 to 2147483647'],
  [{ retries: Number.POSITIVE_INFINITY }, 'policy.retries is not a whole number from 0 to 2147483647'],
  [{ pageTimeoutMs: 2 ** 31 }, 'policy.pageTimeoutMs is not a whole number from 1 to 2147483647'],
])('a projection with the policy %o is refused', (policy, reason) => {
  expect(withPolicy(policy)).toThrow(
    expect.objectContaining({ code: 'PROJECTION_INVALID', message: expect.stringContaining(reason) }),
  );
});

// Seen red with: `<` for `<=`, and `>` for `>=`.
test('the least and the most of each setting are let through', () => {
  const least = { retries: 0, retryFailedAfterMs: 0, maxFailureCount: 0, pageTimeoutMs: 1, eventTimeoutMs: 1 };
  const most = Object.fromEntries(Object.keys(least).map((key) => [key, 2 ** 31 - 1]));
  for (const policy of [least, most]) expect(withPolicy(policy)().policy).toEqual(policy);
});

test('every setting is the last layer’s', () => {
  const all: FailurePolicy = {
    onFailure: 'skip',
    retries: 1,
    retryFailedAfterMs: 2,
    maxFailureCount: 3,
    pageTimeoutMs: 4,
    eventTimeoutMs: 6,
  };
  expect(resolvePolicy(HALT_AT_ONCE, all)).toEqual(all);
  expect(verdictOf(HALT_AT_ONCE, 1)).toBe('halt');
});

test('a policy that was checked cannot be changed afterwards', () => {
  expect(Object.isFrozen(withPolicy({ retries: 1 })().policy)).toBe(true);
});

test('a projection keeps what it says of its policy and nothing else', () => {
  expect(withPolicy({ onFailure: 'skip' })().policy).toEqual({ onFailure: 'skip' });
});
