import { expect, test } from 'vitest';
import {
  constraintOf,
  isAborted,
  isConnectionLost,
  isLockNotAvailable,
  isStalePlan,
  isTransient,
  ofOurDatabase,
  sqlstateOf,
} from '../../src/postgres/errors.ts';

/** An error with a code, as another driver throws it. */
function foreign(code: string, message = 'no'): Error {
  return Object.assign(new Error(message), { code });
}

/** The same error, as our own sessions throw it. */
const failure = (code: string, message?: string): Error => ofOurDatabase(foreign(code, message));

const TRANSIENT_LOST = ['08000', '08003', '08006', '57P01', '57P02', '57P03', '25P03'];
const TRANSIENT = ['40001', '40P01', '53000', '53100', '53200', '53300', '55P03', '57P05', '25006'];
const PERMANENT = [
  '22P02',
  '22003',
  '23502',
  '23503',
  '23505',
  '23514',
  '25P02',
  '42P01',
  '42703',
  '42501',
  '57014',
  'P0001',
  'XX000',
  '0A000',
];
const GONE = [
  'CONNECTION_CLOSED',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EMFILE',
];

// Seen red with: '57P01' taken out of the list in isConnectionLost.
test.each(TRANSIENT_LOST)('%s passes by itself, and the connection is lost', (code) => {
  expect([isTransient(failure(code)), isConnectionLost(failure(code))]).toEqual([true, true]);
});

// Seen red with: 53 taken out of the pattern in isTransient.
test.each(TRANSIENT)('%s passes by itself, and the connection stands', (code) => {
  expect([isTransient(failure(code)), isConnectionLost(failure(code))]).toEqual([true, false]);
});

// Seen red with: '57014' among the transient ones.
test.each(PERMANENT)('%s is the fault of the statement', (code) => {
  expect([isTransient(failure(code)), isConnectionLost(failure(code))]).toEqual([false, false]);
});

// Seen red with: the SQLSTATE pattern tested first, which matches EPIPE.
test.each(GONE)('%s, the driver’s or the system’s own code, is a lost connection and no SQLSTATE', (code) => {
  expect([isTransient(failure(code)), isConnectionLost(failure(code)), sqlstateOf(failure(code))]).toEqual([
    true,
    true,
    null,
  ]);
});

// Seen red with: isOurs left out of isTransient and isConnectionLost.
test('the same codes from a connection that is not ours say nothing about the database', () => {
  for (const code of [...TRANSIENT_LOST, ...TRANSIENT, ...GONE]) {
    expect([isTransient(foreign(code)), isConnectionLost(foreign(code))], code).toEqual([false, false]);
  }
  expect(sqlstateOf(foreign('40001'))).toBe('40001');
});

test('a stale plan is transient, another unsupported feature is not', () => {
  expect(isTransient(failure('0A000', 'cached plan must not change result type'))).toBe(true);
  expect(isTransient(failure('0A000', 'cannot do that'))).toBe(false);
});

test('only 25P02 from our own sessions means that the transaction had failed before', () => {
  expect(isAborted(failure('25P02'))).toBe(true);
  expect(isAborted(foreign('25P02'))).toBe(false);
  expect(isAborted(failure('25P03'))).toBe(false);
});

test('a plan is stale if a pooler has lost it or DDL has changed its result', () => {
  expect(isStalePlan(failure('26000'))).toBe(true);
  expect(isStalePlan(failure('0A000', 'cached plan must not change result type'))).toBe(true);
  expect(isStalePlan(failure('0A000', 'cannot do that'))).toBe(false);
  expect(isStalePlan(failure('40001'))).toBe(false);
  expect(isTransient(failure('26000'))).toBe(true);
});

test('a code is a SQLSTATE only as a whole, and its first two characters are its class', () => {
  for (const code of ['X23505', '235050', '2350', '23505\n', 'e3505'])
    expect(sqlstateOf(foreign(code)), code).toBeNull();
  for (const code of ['22008', '22053', '20853']) {
    expect([isTransient(failure(code)), isConnectionLost(failure(code))], code).toEqual([false, false]);
  }
});

test('only 55P03 means that another transaction holds the lock', () => {
  expect(isLockNotAvailable(failure('55P03'))).toBe(true);
  expect(isLockNotAvailable(failure('40P01'))).toBe(false);
});

test.each([
  undefined,
  null,
  7,
  'text',
  {},
  new Error('no code'),
  { code: 55 },
  { code: 'UNDEFINED_VALUE' },
  Object.freeze({ code: 'ab' }),
])('anything can be thrown: %o has no SQLSTATE and is permanent', (thrown) => {
  expect([sqlstateOf(thrown), isTransient(thrown), isConnectionLost(thrown)]).toEqual([null, false, false]);
});

test('the constraint is read if the error has one', () => {
  expect(constraintOf(Object.assign(new Error(), { constraint: 'events_stream_key' }))).toBe('events_stream_key');
  expect(constraintOf(new Error())).toBeNull();
});
