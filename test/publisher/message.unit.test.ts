import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RawEvent } from '../../src/event-store/read.ts';
import { toMessage } from '../../src/publisher/message.ts';

const event: RawEvent = {
  position: 7n,
  id: '00000000-0000-4000-8000-000000000007',
  instanceId: '',
  aggregateName: 'domain.Band',
  aggregateId: 'a',
  sequenceNo: 1n,
  name: 'BandCreated',
  occurredAt: '2026-03-01T19:00:00.123456Z',
  tstamp: 1772391600n,
  payload: '{}',
  metadata: '{}',
};

// Seen red with: an identifier put into the text as it is.
test('the body is JSON with the event’s fields, whatever the texts hold', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), fc.json(), (aggregateId, instanceId, name, payload) => {
      const message = toMessage({ ...event, aggregateId, instanceId, name: name.slice(0, 40), payload }, 0n);
      if (typeof message === 'string') throw new Error(message);
      expect(JSON.parse(message.content.toString())).toEqual({
        ...event,
        position: '7',
        sequenceNo: 1,
        tstamp: 1772391600,
        aggregateId,
        instanceId,
        name: name.slice(0, 40),
        payload: JSON.parse(payload),
        metadata: {},
      });
    }),
    { seed: 7 },
  );
});

// Seen red with: payload parsed and written again (0.1, 1e20, …01 instead).
test('numbers stand in the body as the store has them', () => {
  const payload =
    '{"price": 0.10, "many": 100000000000000000000, "exact": 0.1234567890123456789, "big": 9007199254740993}';
  const message = toMessage({ ...event, sequenceNo: 9007199254740993n, payload }, 0n);
  if (typeof message === 'string') throw new Error(message);
  expect(message.content.toString()).toContain(`"payload":${payload}`);
  expect(message.content.toString()).toContain('"sequenceNo":9007199254740993,');
});

// Seen red with: the length counted in characters.
test('a routing key of 255 bytes is the longest AMQP carries', () => {
  const fits = { ...event, aggregateName: 'ö'.repeat(100), name: 'x'.repeat(54) };
  expect(toMessage(fits, 6n)).toMatchObject({ routingKey: `${'ö'.repeat(100)}.${'x'.repeat(54)}` });
  expect(toMessage({ ...fits, name: 'x'.repeat(55) }, 6n)).toContain('more than 255 bytes');
});

test('a message says what a consumer sorts and checks by, and outlives the broker', () => {
  const message = toMessage({ ...event, position: 9007199254740993n }, 5n);
  expect(message).toEqual({
    position: 9007199254740993n,
    routingKey: 'domain.Band.BandCreated',
    content: expect.any(Buffer),
    properties: {
      persistent: true,
      messageId: event.id,
      type: 'BandCreated',
      contentType: 'application/json',
      timestamp: 1772391600,
      headers: { position: '9007199254740993', previous: '5' },
    },
  });
  expect(toMessage({ ...event, name: 'x'.repeat(300) }, 5n)).toBe(
    'its routing key, aggregate name and event name, has more than 255 bytes',
  );
});

// Seen red with: the timestamp always set; each half of isTimestamp's condition left out (below 0; beyond 2^53).
test.each([
  ['before 1970', -1n, undefined],
  ['of BC', -62_167_219_200n, undefined],
  ['of 1970', 0n, 0],
  ['that a double holds', 2n ** 53n - 1n, 2 ** 53 - 1],
  ['that no double holds', 2n ** 53n + 1n, undefined],
])('a time %s is a timestamp only where AMQP has one, and stands in the body', (_what, tstamp, expected) => {
  const message = toMessage({ ...event, tstamp }, 0n);
  if (typeof message === 'string') throw new Error(message);
  expect(message.properties.timestamp).toBe(expected);
  expect(message.content.toString()).toContain(`"tstamp":${tstamp},`);
});
