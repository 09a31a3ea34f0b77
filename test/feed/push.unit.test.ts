import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readControl } from '../../src/feed/control-queue.ts';
import { MAX_PUSH_BYTES, readPosition, readPush } from '../../src/feed/push.ts';
import { acknowledger, bindingKeys } from '../../src/feed/pushes.ts';
import { ManualClock } from '../support/manual-clock.ts';

const OURS = 'domain.events';
const push = (content: string | Buffer, headers?: Record<string, unknown>, exchange = OURS) =>
  readPush({ content: Buffer.from(content), exchange, headers }, OURS);

describe('a push', () => {
  test.each([
    ['by its header', '{}', { position: '42' }, { kind: 'event', position: 42n }],
    ['by its body', '{"position":"42"}', undefined, { kind: 'event', position: 42n }],
    ['by its header, whatever the body says', '{"position":"7"}', { position: '42' }, { kind: 'event', position: 42n }],
    ['beyond 2^53', '{}', { position: '9007199254740993' }, { kind: 'event', position: 9007199254740993n }],
    ['the highest of all', '{}', { position: '9223372036854775807' }, { kind: 'event', position: 2n ** 63n - 1n }],
  ] as const)('names a position: %s', (_, content, headers, expected) => {
    expect(push(content, headers)).toEqual(expected);
  });

  // Seen red with: `BigInt(String(value))` in place of the pattern; MAX_POSITION not checked.
  test.each([
    ['9223372036854775808'],
    ['99999999999999999999'],
    ['-1'],
    ['0'],
    ['007'],
    ['1e3'],
    ['1.5'],
    ['NaN'],
    [' 1'],
    [''],
    ['٣'],
    ['x1'],
    ['1x'],
    [42],
    [2 ** 62],
    [Number.NaN],
    [null],
    [true],
    [['1']],
    [{ toString: () => '1' }],
  ])('cannot name %j as a position, and is a wake-up all the same', (position) => {
    expect(readPosition(position)).toBeNull();
    expect(push('{}', { position })).toEqual({ kind: 'unknown' });
  });

  test.each([
    ['nothing', ''],
    ['words', 'BandCreated'],
    ['half an object', '{"position":"1"'],
    ['a list', '[1]'],
    ['null', 'null'],
    ['a number', '7'],
    ['a text', '"position"'],
    ['a truth', 'true'],
    ['bytes', Buffer.from([0xff, 0xfe, 0, 1])],
    ['gzip, which is not unpacked', Buffer.from('1f8b0800000000000003abae05000000ffff', 'hex')],
  ])('with %s in it is malformed', (_, content) => {
    expect(push(content)).toEqual({ kind: 'malformed' });
  });

  // Seen red with: the size compared after parsing (`{` is malformed, and 64 kB of it were parsed).
  test('is not parsed when it is large', () => {
    const body = (bytes: number): string =>
      JSON.stringify({ position: '1', fill: '' }).replace('""', `"${'x'.repeat(bytes)}"`);
    expect(push(body(MAX_PUSH_BYTES))).toEqual({ kind: 'oversized' });
    expect(push(Buffer.alloc(MAX_PUSH_BYTES + 1, '{'))).toEqual({ kind: 'oversized' });
    const most = body(MAX_PUSH_BYTES - body(0).length);
    expect(most).toHaveLength(MAX_PUSH_BYTES);
    expect(push(most)).toEqual({ kind: 'event', position: 1n });
    expect(push(body(MAX_PUSH_BYTES - 30))).toEqual({ kind: 'event', position: 1n });
  });

  test('from no exchange, or from another one, is foreign', () => {
    expect(push('{"position":"1"}', undefined, '')).toEqual({ kind: 'foreign' });
    expect(push('{"position":"1"}', undefined, 'amq.topic')).toEqual({ kind: 'foreign' });
  });

  test('is classified whatever it holds, and has only positions that PostgreSQL can allocate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.dictionary(fc.string(), fc.anything()), (bytes, headers) => {
        const decided = push(Buffer.from(bytes), headers);
        if (decided.kind === 'event') expect(decided.position > 0n && decided.position < 2n ** 63n).toBe(true);
      }),
      { seed: 5, numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        push(json);
        readControl(Buffer.from(json), undefined);
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});

test('queues are bound to each event name once, and not to names too long for a routing key', () => {
  expect(bindingKeys(['BandCreated', 'DanceHallCreated', 'BandCreated', 'x'.repeat(254), 'é'.repeat(127)])).toEqual([
    '#.BandCreated',
    '#.DanceHallCreated',
  ]);
});

describe('acks', () => {
  type Delivery = Parameters<ReturnType<typeof acknowledger>>[0];
  const delivery = (deliveryTag: number) => ({ fields: { deliveryTag } }) as Delivery;

  // Seen red with: `channel.ack(message)` (the first two stayed unacked).
  test('that are due together are one, for all messages', () => {
    const acked: [number, boolean | undefined][] = [];
    const clock = new ManualClock();
    const ack = acknowledger({ ack: ({ fields }, upTo) => void acked.push([fields.deliveryTag, upTo]) }, clock);
    for (const tag of [1, 2, 3]) ack(delivery(tag));
    clock.pass(19);
    expect(acked).toEqual([]);
    clock.pass(1);
    ack(delivery(4));
    clock.pass(100);
    expect(acked).toEqual([
      [3, true],
      [4, true],
    ]);
  });

  // Seen red with: no try around the ack (an uncaught exception).
  test('F18: on a channel that has closed meanwhile throw nothing', () => {
    const clock = new ManualClock();
    const closed = {
      ack: () => {
        throw new Error('Channel closed');
      },
    };
    acknowledger(closed, clock)(delivery(1));
    expect(() => clock.pass(100)).not.toThrow();
  });
});

describe('a control message', () => {
  const read = (content: string | Buffer, headers?: Record<string, unknown>) =>
    readControl(Buffer.from(content), headers);

  test('names a projection to reset in its body or in its headers', () => {
    expect(read('{"type":"Readview.Reset","name":"band"}')).toEqual({ reset: 'band' });
    expect(read('', { type: 'Readview.Reset', name: 'band' })).toEqual({ reset: 'band' });
    expect(read('{}', { type: 'Readview.Reset', name: 'band' })).toEqual({ reset: 'band' });
  });

  test.each([
    ['', 'it is not a JSON object'],
    ['RESET band', 'it is not a JSON object'],
    ['{"type":"RESET","name":"band"}', 'its type is not Readview.Reset'],
    ['{"type":"Readview.Reset"}', 'it names no projection'],
    ['{"type":"Readview.Reset","name":""}', 'it names no projection'],
    ['{"type":"Readview.Reset","name":["band"]}', 'it names no projection'],
    [JSON.stringify({ type: 'Readview.Reset', name: 'x'.repeat(64) }), 'it names no projection'],
    [Buffer.alloc(MAX_PUSH_BYTES + 1), '65537 bytes are too many'],
  ])('is refused: %s', (content, refused) => {
    expect(read(content)).toEqual({ refused });
  });
});
