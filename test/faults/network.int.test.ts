import { expect, test } from 'vitest';
import { type FaultScene, openFaultScene } from '../support/fault-scene.ts';

// Seen red with: an answer time of 200 ms in pools.ts (the high-water mark is then never read).
test('B12: over a connection that is slow, delayed and sends single bytes all rows are right', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start();
  await scene.append(20);
  await scene.expectExact(daemon);
  scene.proxy.weather({ sliceBytes: 1, delayMs: 250, bytesPerSecond: 30_000 });
  await scene.append(5);
  await scene.expectExact(daemon, 50_000);
  expect(await scene.sql`SELECT * FROM projection_failures`).toEqual([]);
});

/** Ten events of a megabyte that does not compress. */
async function appendTenMegabytes(scene: FaultScene, band: string): Promise<void> {
  await scene.sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    SELECT 'domain.Band', ${band}, n, 'BandCreated', jsonb_build_object('name', ${band}::text, 'pad', pad)
    FROM generate_series(1, 10) AS n,
         LATERAL (SELECT string_agg(md5(n || ' ' || i), '') AS pad FROM generate_series(1, 32768) AS i) AS p`;
}

// Seen red with: a page taken as far as it had been read when its connection broke (readPage that ignores the lost connection).
test('B13: a connection reset in the middle of reading a page of megabytes discards the page, which is read again', async () => {
  await using scene = await openFaultScene();
  const daemon = await scene.start();
  for (const [round, bytes] of [400_000, 3_000_000, 7_000_000].entries()) {
    const cut = scene.proxy.cutAfter(bytes);
    await appendTenMegabytes(scene, `band ${round}`);
    await cut;
    await scene.expectExact(daemon);
  }
});
