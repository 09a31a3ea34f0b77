import { setImmediate as settled } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RelayOutcome } from '../../src/core/publisher.ts';
import type { RawEvent } from '../../src/event-store/read.ts';
import type { Message } from '../../src/publisher/message.ts';
import type { ChannelEnd } from '../../src/publisher/publishing-channel.ts';
import { Sender } from '../../src/publisher/sender.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A channel whose broker answers when the test says so. */
class FakeChannel {
  end: ChannelEnd | null = null;
  readonly sent: { readonly position: bigint; readonly previous: string; answer(accepted: boolean): void }[] = [];
  /** What the driver cannot encode. */
  refusal: string | null = null;
  onPublish: () => void = () => undefined;

  publish(message: Message, answered: (accepted: boolean) => void): string | null {
    if (this.refusal !== null) return this.refusal;
    const { position, properties } = message;
    this.sent.push({ position, previous: properties.headers.previous, answer: answered });
    this.onPublish();
    return null;
  }

  get positions(): readonly bigint[] {
    return this.sent.map(({ position }) => position);
  }

  answer(position: bigint, accepted = true): void {
    this.sent.find((one) => one.position === position)?.answer(accepted);
  }
}

function eventAt(position: bigint, aggregateName = 'domain.Test'): RawEvent {
  return {
    position,
    id: `id-${position}`,
    instanceId: '',
    aggregateName,
    aggregateId: 'a',
    sequenceNo: position,
    name: 'Appended',
    occurredAt: '2026-03-01T19:00:00.000000Z',
    tstamp: 1n,
    payload: '{}',
    metadata: '{}',
  };
}

/** A sender that starts after position 0 over a channel of its own, with events at 1, 2, 3 and so on. */
function setUp({ count = 3, messages = 4000, confirmWithinMs = 30_000 } = {}) {
  const clock = new ManualClock();
  const channel = new FakeChannel();
  const stored = Array.from({ length: count }, (_, index) => eventAt(BigInt(index + 1)));
  const after = (position: bigint): RawEvent | null => stored.find((event) => event.position > position) ?? null;
  const invalidations: number[] = [];
  const silences: string[] = [];
  const sender = new Sender({
    events: { ready: after, next: async (position) => after(position), invalidate: () => invalidations.push(1) },
    clock,
    limits: { messages, bytes: 1_000_000 },
    confirmWithinMs,
    onSilence: (reason) => silences.push(reason),
  });
  sender.startFrom(channel, 0n);
  const controller = new AbortController();
  /** Begins a batch and lets it run until it waits. */
  const begin = async (over = channel) => {
    const batch = sender.sendBatch(over, controller.signal);
    let outcome: RelayOutcome | null = null;
    void batch.then((value) => {
      outcome = value;
    });
    await settled();
    return { batch, outcome: () => outcome };
  };
  /** Confirms each message as soon as it is sent, until the batch has ended. */
  const confirmed = async (over = channel): Promise<RelayOutcome> => {
    const { batch, outcome } = await begin(over);
    for (let answered = 0; outcome() === null; answered += 1) {
      over.sent[answered]?.answer(true);
      await settled();
      clock.turn();
      await settled();
    }
    return await batch;
  };
  return { sender, channel, clock, stored, silences, controller, begin, confirmed, invalidations };
}

test('sends each event with the position of the one before, and has published when all are confirmed', async () => {
  const { sender, channel, confirmed } = setUp();
  expect(await confirmed()).toEqual({ kind: 'published' });
  expect(channel.sent).toMatchObject([
    { position: 1n, previous: '0' },
    { position: 2n, previous: '1' },
    { position: 3n, previous: '2' },
  ]);
  expect([sender.confirmed, sender.inFlight]).toEqual([3n, 0]);
});

// Seen red with: `events.invalidate()` left out of startFrom.
test('reads events anew when it starts over', () => {
  const { sender, channel, invalidations } = setUp();
  sender.startFrom(channel, 0n);
  expect(invalidations).toHaveLength(2);
});

// Seen red with: `hasRoom` not waited for; another channel continued over.
test('sends the next message only when the window has room, and leaves in flight what is not confirmed in time', async () => {
  const { sender, channel, clock, begin } = setUp({ messages: 1 });
  const { batch, outcome } = await begin();
  expect(channel.positions).toEqual([1n]);
  channel.answer(1n);
  await settled();
  expect(channel.positions).toEqual([1n, 2n]);
  expect(outcome()).toBe(null);
  clock.pass(500);
  expect(await batch).toEqual({ kind: 'behind' });
  expect(channel.positions).toEqual([1n, 2n]);
  expect([sender.confirmed, sender.inFlight, sender.canContinue(channel)]).toEqual([1n, 1, true]);
  expect(sender.canContinue(new FakeChannel())).toBe(false);
});

// Seen red with: the signal left out of maySend; the outcome `stopped` left out.
test('sends no more once its signal is aborted, but waits for the answers that are due', async () => {
  const { channel, controller, begin } = setUp({ messages: 1 });
  const { batch, outcome } = await begin();
  controller.abort();
  await settled();
  expect(outcome()).toBe(null);
  channel.answer(1n);
  expect(await batch).toEqual({ kind: 'stopped' });
  expect(channel.positions).toEqual([1n]);
});

// Seen red with: the end of the channel left out of maySend; left out of the wait for answers.
test('ends the batch when the channel ends, without waiting for answers that cannot come', async () => {
  const { sender, channel, begin } = setUp({ messages: 1 });
  const { batch } = await begin();
  channel.end = { code: null, reason: 'the channel was closed' };
  sender.block(false);
  expect(await batch).toEqual({ kind: 'disconnected' });
  expect(channel.positions).toEqual([1n]);
  expect(sender.canContinue(channel)).toBe(false);
});

// Seen red with: `end.code !== null` taken for a lost connection.
test('reports what the broker refused with the end of the channel, so that a backoff follows', async () => {
  const { sender, channel, begin } = setUp({ messages: 1 });
  const { batch } = await begin();
  channel.end = { code: 403, reason: 'ACCESS_REFUSED' };
  sender.block(false);
  expect(await batch).toEqual({ kind: 'refused', progressed: false, detail: 'ACCESS_REFUSED' });
});

// Seen red with: the block left out of maySend; left out of the wait for answers; left out of the outcome.
test('ends the batch when the broker blocks publishers, and keeps what is in flight', async () => {
  const { sender, channel, clock, begin } = setUp({ messages: 1 });
  const { batch } = await begin();
  sender.block(true);
  expect(await batch).toEqual({ kind: 'blocked' });
  expect(channel.positions).toEqual([1n]);
  expect([sender.inFlight, sender.canContinue(channel)]).toEqual([1, true]);
  expect((await begin()).outcome()).toEqual({ kind: 'blocked' });
  expect(channel.positions).toEqual([1n]);
  expect(clock.timers).toBe(0);
});

// Seen red with: the refusal left out of maySend; left out of canContinue; the answers not waited for.
test('sends nothing after a refusal, waits for the answers behind it, and has to start over', async () => {
  const { sender, channel, stored, begin, confirmed } = setUp({ messages: 2 });
  await confirmed();
  stored.push(eventAt(4n), eventAt(5n), eventAt(6n), eventAt(7n));
  const { batch, outcome } = await begin();
  expect(channel.positions.slice(3)).toEqual([4n, 5n]);
  channel.answer(4n, false);
  await settled();
  expect(outcome()).toBe(null);
  channel.answer(5n);
  expect(await batch).toEqual({ kind: 'refused', progressed: false, detail: 'a queue refused the event after 3' });
  expect(channel.positions).toHaveLength(5);
  expect(sender.canContinue(channel)).toBe(false);
});

test('reports progress with a refusal when events before it were confirmed', async () => {
  const { channel, begin } = setUp({ messages: 1 });
  const { batch } = await begin();
  channel.answer(1n);
  await settled();
  channel.answer(2n, false);
  expect(await batch).toMatchObject({ kind: 'refused', progressed: true });
});

// Seen red with: a wait for answers without a bound; `inFlight === 0` left out of the outcome `published`.
test('waits two seconds for the last confirms, and leaves in flight what has none then', async () => {
  const { sender, clock, begin } = setUp({ count: 1 });
  const { batch, outcome } = await begin();
  clock.pass(1999);
  await settled();
  expect(outcome()).toBe(null);
  clock.pass(1);
  expect(await batch).toEqual({ kind: 'behind' });
  expect(sender.inFlight).toBe(1);
});

// Seen red with: the wait for answers left out.
test('has published as soon as the last message is confirmed', async () => {
  const { channel, begin } = setUp({ count: 1 });
  const { batch } = await begin();
  channel.answer(1n);
  expect(await batch).toEqual({ kind: 'published' });
});

// Seen red with: `sendOneAtATime` left out; `inFlight === 1` always true; always false.
test('finds the message for which the broker closes the channel by sending one at a time, and halts before it', async () => {
  const { sender, channel, stored, begin, confirmed } = setUp({ messages: 2 });
  await confirmed();
  stored.push(eventAt(4n), eventAt(5n), eventAt(6n));
  const several = await begin();
  expect(channel.positions.slice(3)).toEqual([4n, 5n]);
  const tooLarge = { code: 406, reason: 'message is too large' };
  channel.end = tooLarge;
  sender.block(false);
  expect(await several.batch).toEqual({ kind: 'refused', progressed: false, detail: 'message is too large' });
  const second = new FakeChannel();
  sender.startFrom(second, 3n);
  const { batch } = await begin(second);
  second.answer(4n);
  await settled();
  expect(second.positions).toEqual([4n, 5n]);
  second.end = tooLarge;
  sender.block(false);
  expect(await batch).toEqual({
    kind: 'halted',
    detail: 'cannot publish Appended at position 5 (id-5): message is too large',
  });
});

// Seen red with: `inFlight === 0` left out of the outcome `halted`.
test('halts at an event that AMQP cannot carry only when all before it are confirmed', async () => {
  const { sender, stored, clock, begin, channel } = setUp({ count: 1 });
  stored.push(eventAt(2n, 'x'.repeat(300)), eventAt(3n));
  const first = await begin();
  clock.pass(2000);
  expect(await first.batch).toEqual({ kind: 'behind' });
  const second = await begin();
  channel.answer(1n);
  expect(await second.batch).toMatchObject({ kind: 'halted', detail: expect.stringContaining('position 2 (id-2)') });
  expect([channel.positions, sender.confirmed]).toEqual([[1n], 1n]);
});

// Seen red with: the message counted as sent before the driver has it (it is never answered, and the batch ends `behind`).
test('does not count as sent what the driver cannot encode', async () => {
  const { sender, channel, begin } = setUp();
  channel.refusal = 'AMQP cannot carry it';
  const { batch } = await begin();
  expect(await batch).toMatchObject({ kind: 'halted', detail: expect.stringContaining('AMQP cannot carry it') });
  expect(sender.inFlight).toBe(0);
});

// Seen red with: the time not set by the first message in flight; by an answer; by a block.
test('measures the silence of the broker from the first message, from the last answer and from the end of a block', async () => {
  const { sender, channel, clock, begin } = setUp({ messages: 2 });
  clock.pass(10_000);
  const { batch } = await begin();
  expect(sender.silentMs).toBe(0);
  clock.pass(100);
  expect(sender.silentMs).toBe(100);
  channel.answer(1n);
  await settled();
  expect(channel.positions).toEqual([1n, 2n, 3n]);
  expect(sender.silentMs).toBe(0);
  clock.pass(100);
  channel.answer(3n);
  expect(sender.silentMs).toBe(0);
  clock.pass(100);
  expect(sender.silentMs).toBe(100);
  sender.block(true);
  await batch;
  clock.pass(60_000);
  sender.block(false);
  expect(sender.silentMs).toBe(0);
  channel.answer(2n);
  clock.pass(60_000);
  expect(sender.silentMs).toBe(0);
});

// Seen red with: `onSilence` not called; the batch then `behind`; the silence measured from the last message sent.
test('reports a channel that confirms nothing for too long, also while messages are sent over it', async () => {
  const { sender, clock, silences, stored, begin, confirmed } = setUp({ confirmWithinMs: 3000 });
  await confirmed();
  stored.push(eventAt(4n));
  const first = await begin();
  clock.pass(2000);
  expect(await first.batch).toEqual({ kind: 'behind' });
  expect(silences).toEqual([]);
  stored.push(eventAt(5n));
  const second = await begin();
  clock.pass(2000);
  expect(await second.batch).toEqual({ kind: 'disconnected' });
  expect(silences).toEqual(['no confirm within 3000 ms']);
  expect(sender.inFlight).toBe(2);
});

// Seen red with: the time not asked before a message is sent.
test('ends a batch after half a second, also when there is room for more', async () => {
  const { channel, clock, stored, begin, confirmed } = setUp();
  await confirmed();
  stored.push(eventAt(4n), eventAt(5n), eventAt(6n));
  channel.onPublish = () => clock.pass(250);
  const { outcome } = await begin();
  expect(outcome()).toEqual({ kind: 'behind' });
  expect(channel.positions.slice(3)).toEqual([4n, 5n]);
});

// Seen red with: the break left out.
test('gives other work a turn after a hundred messages', async () => {
  const { sender, channel, clock, begin, confirmed, stored } = setUp({ count: 200 });
  await confirmed();
  for (let position = 201n; position <= 320n; position += 1n) stored.push(eventAt(position));
  const { batch } = await begin();
  expect(channel.sent).toHaveLength(200 + 99);
  clock.turn();
  await settled();
  expect(channel.sent).toHaveLength(320);
  sender.block(true);
  await batch;
});
