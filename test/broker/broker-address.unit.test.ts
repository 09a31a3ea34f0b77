import { expect, test } from 'vitest';
import { connectFailure, describeBroker, reasonOf } from '../../src/broker/address.ts';

// Seen red with: the slice taken out; replaceAll without the `+`.
test('a reason is short, prefers the message to the code, and names the class of an error without either', () => {
  expect(reasonOf(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }))).toBe('no');
  expect(reasonOf(new Error('x'.repeat(400)))).toBe('x'.repeat(300));
  expect(reasonOf(new Error('a\n\n b\tc'))).toBe('a b c');
  expect(reasonOf('text')).toBe('the connection was closed');
});

test('the text of an address has no user and no password', () => {
  expect(describeBroker('amqps://rabbit')).toBe('rabbit:5671');
  expect(describeBroker('amqp://rabbit/')).toBe('rabbit:5672');
  expect(describeBroker('amqp://me:hunter22@rabbit')).toBe('rabbit:5672');
  expect(describeBroker('amqps://me:hunter22@rabbit/dances')).toBe('rabbit:5671/dances');
  expect(describeBroker('amqp://me:hunter22@[::1]:99/')).toBe('[::1]:99');
  expect(describeBroker('hunter22')).toBe('the given address');
});

test('a reason is one line, also of an error that has only a code', () => {
  expect(reasonOf(Object.assign(new Error(''), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
  expect(reasonOf(new AggregateError([], ''))).toBe('AggregateError');
  expect(reasonOf(new Error('first\n  second'))).toBe('first second');
  expect(reasonOf(undefined)).toBe('the connection was closed');
});

// Seen red with: isAmbiguousUrl left out of describeBroker, and of connectFailure.
test('no part of a password that was not percent-encoded is shown as a host', () => {
  const notFound = new Error('getaddrinfo ENOTFOUND hunter');
  for (const url of ['amqp://u:p@hunter/w#rd@rabbit', 'amqp://u:12/hunter@rabbit', 'amqp://u:12?hunter@rabbit']) {
    expect(connectFailure(url, notFound)).toBe(
      'cannot use RabbitMQ at the given address: it is not a URL (a password with / ? # @ in it must be percent-encoded)',
    );
  }
  expect(connectFailure('amqp://u:p@rabbit/v', notFound)).toBe(
    'cannot use RabbitMQ at rabbit:5672/v: getaddrinfo ENOTFOUND hunter',
  );
});
