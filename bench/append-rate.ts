import { randomUUID } from 'node:crypto';
import { connect } from '../src/postgres/pool.ts';
import { listenTo } from './listening.ts';
import type { Store } from './store.ts';
import { switchTriggers } from './triggers.ts';

const WRITERS = 8;

/** One-row appends per second of eight writers, each awaiting its own, with the engine's triggers on or off. */
export async function measureAppends(store: Store, triggers: boolean, seconds: number): Promise<number> {
  const { sql } = store;
  await sql`TRUNCATE events`;
  await switchTriggers(sql, triggers);
  // One session listens, as in every installation: a NOTIFY without a listener costs less.
  const { unlisten } = await listenTo(sql, 'projectionist:public', () => undefined);
  const writers = Array.from({ length: WRITERS }, () =>
    connect({ address: store.address, applicationName: 'bench:writer', max: 1 }),
  );
  try {
    await Promise.all(writers.map((writer) => writer`SELECT 1`));
    const began = performance.now();
    const until = began + seconds * 1000;
    const counts = await Promise.all(
      writers.map(async (writer) => {
        let appended = 0;
        while (performance.now() < until) {
          await writer`
            INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
            VALUES ('domain.Band', ${randomUUID()}, 1, 'BandCreated', '{"name": "Lasse Ekvalls"}')`;
          appended += 1;
        }
        return appended;
      }),
    );
    const total = counts.reduce((sum, count) => sum + count, 0);
    return (total / (performance.now() - began)) * 1000;
  } finally {
    await Promise.all(writers.map((writer) => writer.end({ timeout: 2 })));
    await unlisten();
    await switchTriggers(sql, true);
  }
}
