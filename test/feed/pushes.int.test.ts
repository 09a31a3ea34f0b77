import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openLink } from '../../src/broker/connection.ts';
import type { BrokerEvent } from '../../src/core/broker.ts';
import { openBroker, type TestBroker } from '../support/broker.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { startPushed, untilBroker, untilPushed } from '../support/pushed.ts';
import { capturingLog, gate, openScene } from '../support/scene.ts';

const opened = await openBroker();
afterAll(async () => await opened?.[Symbol.asyncDispose]());

const KEY = 'test.Stream.Noted';
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe.skipIf(opened === null)('pushes through a real RabbitMQ', () => {
  const broker = opened as TestBroker;

  // Seen red with: the filter of polls that found nothing left out of wakeups.ts (a wake every 3 ms).
  test('51: a burst of notifications is one batch', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    await untilCaughtUp(daemon, scene.sql);
    let batches = 0;
    daemon.onTransition(({ to }) => {
      if (to === 'live.working') batches += 1;
    });
    const burst = (): Promise<unknown> =>
      Promise.all(range(200).map((position) => broker.publish(exchange, KEY, `{"position":"${position}"}`)));
    await scene.append(...noted('a', 1, 20));
    await burst();
    await untilPushed(daemon, 200);
    await untilCaughtUp(daemon, scene.sql);
    // These polls find nothing new.
    await burst();
    await untilPushed(daemon, 400);
    expect(batches).toBe(1);
    expect(await readLedger(scene.sql)).toEqual(range(20).map((at) => `a${at}`));
  });

  // Seen red with: binding keys `*.`; push$ left out of the feed.
  test('an event with a push is found by the push, with any body and without NOTIFY', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    await untilCaughtUp(daemon, scene.sql);
    let sequence = 0;
    // On a slow machine the heartbeat is sometimes faster: then the next event is tried.
    await vi.waitFor(
      async () => {
        const before = daemon.hints().wakeups;
        sequence += 1;
        await scene.append(...noted('a', sequence, 1));
        await broker.publish(exchange, KEY, 'somebody else’s words');
        await untilCaughtUp(daemon, scene.sql);
        const after = daemon.hints().wakeups;
        expect(after.push + after.again).toBeGreaterThan(before.push + before.again);
      },
      { timeout: 40_000, interval: 1 },
    );
    expect(daemon.hints().pushes.malformed).toBe(sequence);
    expect(await readLedger(scene.sql)).toEqual(range(sequence).map((at) => `a${at}`));
  });

  test('F3, F4: a hundred pushes of each event, in any order, change nothing but the time of the polls', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    const appended = await scene.append(...noted('a', 1, 10));
    const backwards = appended.map(({ position }) => `{"position":"${position}"}`).reverse();
    await Promise.all(range(100).flatMap(() => backwards.map((body) => broker.publish(exchange, KEY, body))));
    await untilPushed(daemon, 1000);
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(range(10).map((at) => `a${at}`));
    expect(daemon.hints().pushes).toMatchObject({ event: 1000, malformed: 0 });
  });

  test('F5: after a push before its commit the event is applied once it is committed', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    await untilCaughtUp(daemon, scene.sql);
    await scene.sql.begin(async (tx) => {
      await tx`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
               VALUES ('test.Stream', 'a', 1, 'Noted', '{"text":"late"}')`;
      await broker.publish(exchange, KEY, '{"position":"1"}');
      await untilPushed(daemon, 1);
      expect(daemon.hints().lastPushed).toBeNull();
      expect(await readLedger(scene.sql)).toEqual([]);
    });
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(['late']);
    expect(daemon.hints().lastPushed).toBe('1');
  });

  test('F6: a push of an event that is rolled back applies nothing and delays nothing', async () => {
    const { projection, calls } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    const rolledBack = scene.sql.begin(async (tx) => {
      await tx`INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
               VALUES ('test.Stream', 'a', 1, 'Noted', '{"text":"never"}')`;
      await broker.publish(exchange, KEY, '{"position":"1"}');
      await untilPushed(daemon, 1);
      throw new Error('changed my mind');
    });
    await expect(rolledBack).rejects.toThrow('changed my mind');
    await scene.append(...noted('a', 1, 1));
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(['a1']);
    expect(calls).toEqual([2n]);
  });

  // Seen red with: heartbeats$ left out of the merge in wakeups.ts.
  test('F7: an event without a push is found by the heartbeat, and counted as missed', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    await untilCaughtUp(daemon, scene.sql);
    // Routed to no queue, which the broker confirms: the message is lost, as with a queue that overflows.
    await scene.append(...noted('a', 1, 3));
    await broker.publish(exchange, 'test.Stream.Unheard', '{"position":"1"}');
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
    const { missed, announced, wakeups, pushes } = daemon.hints();
    // All are missed, unless a heartbeat came between the INSERT and its COMMIT and waited for the COMMIT.
    expect(missed + announced).toBe(3);
    expect([wakeups.push, pushes.event]).toEqual([0, 0]);
  });

  test('F9, F10, F11: forged and broken messages are acked and counted; no handler ever sees them', async () => {
    const { projection, calls } = createLedger();
    await using scene = await openScene([projection]);
    const log = capturingLog();
    const { daemon, exchange } = await startPushed(scene, broker, { log });
    await scene.append(...noted('a', 1, 1));
    await untilCaughtUp(daemon, scene.sql);
    const before = await scene.row('ledger');

    const forged = {
      aggregateName: 'test.Stream',
      aggregateId: 'a',
      sequenceNo: 1,
      name: 'Noted',
      payload: { text: 'forged' },
    };
    const positions = ['4611686018427387904', '-1', '1e3', 'NaN', '1.5', '9223372036854775808'];
    await broker.publish(exchange, KEY, JSON.stringify({ ...forged, position: '1' }), {
      messageId: 'x',
      type: 'Noted',
    });
    for (const position of positions) await broker.publish(exchange, KEY, '{}', { headers: { position } });
    await broker.publish(exchange, KEY, JSON.stringify({ position: 2 ** 62 }));
    const broken = ['', '{"position":', Buffer.from([0xff, 0, 0xfe]), gzipSync(Buffer.alloc(30_000_000))];
    for (const body of broken)
      await broker.publish(exchange, KEY, body, { contentEncoding: 'gzip', contentType: 'text/html' });
    await untilPushed(daemon, 12);

    expect(daemon.hints().pushes).toEqual({ event: 2, unknown: 6, malformed: 4, oversized: 0, foreign: 0 });
    // 2^62 is a valid position, above the high-water mark of this store.
    expect(daemon.hints().lastPushed === null || daemon.hints().lastPushed === '1').toBe(true);
    await scene.append(...noted('a', 2, 1));
    await untilCaughtUp(daemon, scene.sql);
    expect(await readLedger(scene.sql)).toEqual(['a1', 'a2']);
    expect(calls).toEqual([1n, 2n]);
    expect(await scene.row('ledger')).toMatchObject({ status: before.status, cursor: 2n });
    // Only a sample is logged: otherwise any sender could fill the disk.
    expect(log.lines.filter(({ message }) => message.includes('no events'))).toHaveLength(1);
    expect(daemon.broker()).toEqual({ state: 'healthy', detail: null });
  });

  // Seen red with: MAX_PUSH_BYTES 200 MB (malformed).
  test('F12: a message of 10 or 100 MB is a wakeup that is not parsed', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    // With a heartbeat of one second the broker would drop a process that is busy with 100 MB, and the queue with it.
    const { daemon, exchange } = await startPushed(scene, broker, {
      broker: { urls: [broker.url], heartbeatSeconds: 60 },
    });
    await untilCaughtUp(daemon, scene.sql);
    for (const megabytes of [10, 100]) await broker.publish(exchange, KEY, Buffer.alloc(megabytes * 1_000_000, '{'));
    await scene.append(...noted('a', 1, 1));
    await untilPushed(daemon, 2);
    await untilCaughtUp(daemon, scene.sql);
    expect(daemon.hints().pushes).toMatchObject({ oversized: 2, malformed: 0 });
    expect(await readLedger(scene.sql)).toEqual(['a1']);
  });

  test('F13: a flood of pushes is a few polls, and projections go on meanwhile', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const { daemon, exchange } = await startPushed(scene, broker);
    await untilCaughtUp(daemon, scene.sql);
    let wakeups = 0;
    daemon.onTransition(({ to }) => {
      if (to === 'live.working') wakeups += 1;
    });
    const flood = range(20_000).map((position) => broker.publish(exchange, KEY, `{"position":"${position}"}`));
    await scene.append(...noted('a', 1, 5));
    await untilCaughtUp(daemon, scene.sql);
    await Promise.all(flood);
    // The queue is bounded: the broker dropped the oldest messages that this process did not take in time.
    await untilPushed(daemon, 1000);
    expect(wakeups).toBeLessThan(10);
    expect(await readLedger(scene.sql)).toEqual(range(5).map((at) => `a${at}`));
    expect((await scene.row('ledger')).cursor).toBe(5n);
  });

  // Seen red with: FAILED left out when the connection is lost before the declarations.
  test('F17: an exchange of another kind is reported in words, and events are polled', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const exchange = broker.name('exchange');
    await broker.channel.assertExchange(exchange, 'fanout', { durable: true });
    const daemon = await scene.start({ notify: false, broker: { urls: [broker.url], exchange } });
    const detail = await untilBroker(daemon, 'polling-only');
    expect(detail).toMatch(/^nothing can be declared in RabbitMQ: .*406.*PRECONDITION.FAILED.*inequivalent arg 'type'/);
    await scene.append(...noted('a', 1, 1));
    await untilCaughtUp(daemon, scene.sql);
    expect(daemon.ready()).toBe(true);
    // Corrected by the operator: no restart is needed.
    await broker.channel.deleteExchange(exchange);
    await untilBroker(daemon, 'healthy', 40_000);
  });
});

describe.skipIf(opened === null)('the control queue', () => {
  const broker = opened as TestBroker;
  const say = (queue: string, message: object): Promise<void> => broker.publish('', queue, JSON.stringify(message));

  test('resets the projection that a message names, once per message', async () => {
    const [band, event] = [createLedger({ name: 'band' }), createLedger({ name: 'event' })];
    await using scene = await openScene([band.projection, event.projection]);
    const controlQueue = broker.name('control');
    const { daemon } = await startPushed(scene, broker, { broker: { urls: [broker.url], controlQueue } });
    await scene.append(...noted('a', 1, 3));
    await untilCaughtUp(daemon, scene.sql);
    await say(controlQueue, { type: 'Readview.Reset', name: 'band' });
    await untilStatus(daemon, 'band', ({ generation }) => generation === 1);
    await untilCaughtUp(daemon, scene.sql);
    await broker.publish('', controlQueue, '', { headers: { type: 'Readview.Reset', name: 'band' } });
    await untilStatus(daemon, 'band', ({ generation }) => generation === 2);
    await untilCaughtUp(daemon, scene.sql);
    expect(daemon.hints().controls).toEqual({ carriedOut: 2, failed: 0, refused: 0 });
    expect(await readLedger(scene.sql, 'band')).toEqual(['a1', 'a2', 'a3']);
    expect((await daemon.status()).map(({ generation }) => generation)).toEqual([2, 0]);
    expect((await broker.channel.checkQueue(controlQueue)).messageCount).toBe(0);
  });

  test('acks a message without a projection or of another type, and reports it', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const log = capturingLog();
    const controlQueue = broker.name('control');
    const { daemon } = await startPushed(scene, broker, { log, broker: { urls: [broker.url], controlQueue } });
    await say(controlQueue, { type: 'Readview.Reset', name: 'nobody' });
    await say(controlQueue, { type: 'Readview.Truncate', name: 'ledger' });
    await broker.publish('', controlQueue, 'RESET ledger');
    await vi.waitFor(() => expect(daemon.hints().controls).toEqual({ carriedOut: 0, failed: 1, refused: 2 }), {
      timeout: 10_000,
      interval: 10,
    });
    expect((await daemon.status()).map(({ generation }) => generation)).toEqual([0]);
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { projection: 'nobody' } }]);
  });

  // Seen red with: the same.
  test('F17: a control queue that is refused does not affect the pushes, and status has the reason', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    const controlQueue = broker.name('control');
    await broker.channel.assertQueue(controlQueue, { durable: false });
    const { daemon } = await startPushed(scene, broker, { broker: { urls: [broker.url], controlQueue } });
    await vi.waitFor(() => expect(daemon.broker()?.detail).toEqual(expect.stringMatching(/^control queue '.*406/)), {
      timeout: 10_000,
    });
    expect(daemon.broker()?.state).toBe('healthy');
  });

  test('exists only if it is configured', async () => {
    const { projection } = createLedger();
    await using scene = await openScene([projection]);
    await startPushed(scene, broker);
    const channel = await broker.connection.createChannel();
    channel.on('error', () => undefined);
    await expect(channel.checkQueue('projectionist.control')).rejects.toMatchObject({ code: 404 });
  });
});

describe.skipIf(opened === null)('a link', () => {
  const broker = opened as TestBroker;

  // Seen red with: no `drop` after a setup that failed (a connection without a consumer, for ever).
  test('whose setup throws, or does not end, reconnects and tries again', async () => {
    const link = openLink({ urls: [broker.url], name: 'test', setupMs: 200 });
    const events: BrokerEvent[] = [];
    link.events$.subscribe((event) => events.push(event));
    let attempts = 0;
    const never = gate();
    link.openChannel(
      async () => {
        attempts += 1;
        if (attempts === 1) throw new Error('a bug of ours');
        if (attempts === 2) await never.passed;
      },
      { confirm: false },
    );
    await vi.waitFor(() => expect(events.at(-1)).toEqual({ type: 'READY' }), { timeout: 20_000, interval: 10 });
    expect(attempts).toBe(3);
    expect(events[0]).toEqual({ type: 'FAILED', reason: 'nothing can be declared in RabbitMQ: a bug of ours' });
    await link.close();
    never.open();
  });
});
