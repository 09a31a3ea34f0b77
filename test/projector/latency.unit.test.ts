import { expect, test } from 'vitest';
import { createLatencyHistogram, Latency, readLatencies } from '../../src/projector/latency.ts';

const START = Date.parse('2026-03-01T19:00:00.000Z');

function stopwatch() {
  let now = START;
  const histogram = createLatencyHistogram();
  histogram.zero({ projection: 'band' });
  const latency = new Latency(
    () => now,
    (seconds) => histogram.observe({ projection: 'band' }, seconds),
  );
  return {
    latency,
    at: (ms: number) => {
      now = START + ms;
    },
    metrics: async () => {
      const [metrics] = await readLatencies(histogram);
      if (metrics === undefined) throw new Error('the histogram has no projection');
      return metrics;
    },
  };
}

// Seen red with: the sum taken from the sample of the count.
test('latencies are counted in seconds, each in every bucket it fits into', async () => {
  const { latency, at, metrics } = stopwatch();
  latency.wentLive();
  for (const [occurred, seen] of [
    ['2026-03-01T19:00:00.001999Z', 3],
    ['2026-03-01T19:00:01.000000Z', 1100],
    ['2026-03-01T19:00:02.000000Z', 122_000],
  ] as const) {
    at(seen);
    latency.visible(occurred);
  }
  const { name, buckets, sum, count } = await metrics();
  expect([name, count]).toEqual(['band', 3]);
  expect(sum).toBeCloseTo(0.002 + 0.1 + 120);
  const upTo = Object.fromEntries(buckets.map((bucket) => [bucket.le, bucket.count]));
  expect(upTo).toMatchObject({ 0.002: 1, 0.05: 1, 0.1: 2, 1: 2, 60: 2 });
});

// Seen red with: `liveSince` 0 from the start.
test('nothing counts that was appended before the projection went live, or has a time of its own', async () => {
  const { latency, at, metrics } = stopwatch();
  at(1000);
  latency.visible('2026-03-01T19:00:00.500000Z');
  latency.wentLive();
  at(2000);
  for (const old of ['2026-03-01T19:00:00.999000Z', '1999-12-31T00:00:00.000000Z', 'infinity', '-infinity'])
    latency.visible(old);
  expect((await metrics()).count).toBe(0);
  latency.visible('2026-03-01T19:00:01.000000Z');
  expect(await metrics()).toMatchObject({ count: 1, sum: 1 });
});

test('an appender whose clock is ahead took no time at all', async () => {
  const { latency, metrics } = stopwatch();
  latency.wentLive();
  latency.visible('2026-03-01T19:00:09.000000Z');
  expect(await metrics()).toMatchObject({ count: 1, sum: 0 });
});

// Seen red with: a bound left out of the buckets.
test('one that takes exactly as long as a bucket reaches is in it, and one beyond the last is in none', async () => {
  const { latency, at, metrics } = stopwatch();
  latency.wentLive();
  at(60_000);
  latency.visible('2026-03-01T19:00:00.000000Z');
  at(60_001);
  latency.visible('2026-03-01T19:00:00.000000Z');
  const { buckets, count, sum } = await metrics();
  expect(buckets.map(({ count: counted }) => counted)).toEqual([...Array(13).fill(0), 1]);
  expect([count, sum]).toEqual([2, 120.001]);
});

// Seen red with: `byName.set` left out.
test('each projection of a daemon has its own latencies, and one that has none counts zero', async () => {
  const histogram = createLatencyHistogram();
  for (const projection of ['band', 'event']) histogram.zero({ projection });
  histogram.observe({ projection: 'event' }, 0.004);
  const [band, event] = await readLatencies(histogram);
  expect(band).toMatchObject({ name: 'band', sum: 0, count: 0 });
  expect(band?.buckets.map(({ count }) => count)).toEqual(Array(14).fill(0));
  expect(event).toMatchObject({ name: 'event', sum: 0.004, count: 1 });
  expect(event?.buckets.slice(0, 3)).toEqual([
    { le: 0.002, count: 0 },
    { le: 0.005, count: 1 },
    { le: 0.01, count: 1 },
  ]);
});
