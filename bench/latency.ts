import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom } from '../examples/dancefinder/history/random.ts';
import type { Projection } from '../src/index.ts';
import type { Sql } from '../src/postgres/pool.ts';
import type { FailpointHook } from '../src/projector/failpoint.ts';
import { startCaughtUp } from './catch-up.ts';
import { listenTo } from './listening.ts';
import { band } from './projections.ts';
import type { Store } from './store.ts';
import { switchTriggers } from './triggers.ts';

/** Milliseconds from the answer to an append's COMMIT until the COMMIT of its row was answered, one per event. */
export type Latencies = readonly number[];

/** The average distance between appends; each one is drawn between nothing and twice that. */
const GAP_MS = 5;
const PATIENCE_MS = 10_000;

/** The engine: a daemon with one projection and the usual wakeups. */
export async function measureEngine(store: Store, events: number): Promise<Latencies> {
  await switchTriggers(store.sql, true);
  const watch = createWatch();
  const { projection, failpoint } = watchBand(watch);
  await using _daemon = await startCaughtUp(store.address, [projection], { failpoint });
  return await appendSteadily(events, watch, (id) => appendBand(store.writer, id));
}

/** A projection that reports its rows to the watch, and the failpoint that reports them. */
export function watchBand(watch: Watch): { readonly projection: Projection; readonly failpoint: FailpointHook } {
  let handled: bigint[] = [];
  return {
    projection: watched(band, (position) => handled.push(position)),
    failpoint: Object.assign(
      () => {
        for (const position of handled) watch.visible(position);
        handled = [];
      },
      { only: 'committed' } as const,
    ),
  };
}

/** @returns its position, once its COMMIT was answered */
export async function appendBand(sql: Sql, id: string): Promise<bigint> {
  const [row] = await sql<[{ position: bigint }]>`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    VALUES ('domain.Band', ${id}, 1, 'BandCreated', ${JSON.stringify({ name: id })}::text::jsonb) RETURNING position`;
  return row.position;
}

/**
 * The floor: a NOTIFY with each append; on it, one select, one upsert, one COMMIT. No cursor is kept and no order
 * guarded (the one writer commits in order), so it is less than any projection has to do.
 */
export async function measureFloor(store: Store, events: number): Promise<Latencies> {
  const { sql, reference, writer } = store;
  await switchTriggers(sql, false);
  const watch = createWatch();
  const [{ last }] = await sql<[{ last: bigint }]>`SELECT coalesce(max(position), 0) AS last FROM events`;
  const follower = follow(reference, last, watch);
  const { unlisten } = await listenTo(sql, 'floor', () => follower.wake());
  try {
    return await appendSteadily(events, watch, async (id) => {
      const [row] = await writer<[{ position: bigint }]>`
        WITH appended AS (
          INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
          VALUES ('domain.Band', ${id}, 1, 'BandCreated', ${JSON.stringify({ name: id })}::text::jsonb) RETURNING position
        )
        SELECT position, pg_notify('floor', '') FROM appended`;
      return row.position;
    });
  } finally {
    await unlisten();
    await follower.idle();
  }
}

function follow(sql: Sql, from: bigint, watch: Watch) {
  let seen = from;
  let woken = false;
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const run = async (): Promise<void> => {
    while (woken) {
      woken = false;
      const rows = await sql<{ position: bigint; id: string; name: string; at: string }[]>`
        SELECT position, aggregate_id AS id, payload ->> 'name' AS name, occurred_at AS at
        FROM events WHERE position > ${seen} ORDER BY position`;
      const last = rows.at(-1);
      if (last === undefined) continue;
      await sql`
        INSERT INTO band (id, name, created)
        SELECT * FROM unnest(${rows.map(({ id }) => id)}::uuid[], ${rows.map(({ name }) => name)}::text[],
                             ${rows.map(({ at }) => at)}::timestamptz[])
        ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id, created = EXCLUDED.created`;
      seen = last.position;
      for (const { position } of rows) watch.visible(position);
    }
    busy = false;
  };
  return {
    wake: () => {
      woken = true;
      if (busy) return;
      busy = true;
      running = run();
    },
    idle: () => running,
  };
}

export interface Watch {
  /** The append of this event was answered now. */
  appended(position: bigint): void;
  /** The COMMIT of its row was answered now. */
  visible(position: bigint): void;
  /** Every event whose append and row were both answered. */
  readonly latencies: Latencies;
}

export function createWatch(): Watch {
  const latencies: number[] = [];
  const appended = new Map<bigint, number>();
  const visible = new Map<bigint, number>();
  const match = (position: bigint): void => {
    const [from, to] = [appended.get(position), visible.get(position)];
    if (from === undefined || to === undefined) return;
    // The row may be visible before the reply to the append has been read; the latency is then 0.
    latencies.push(Math.max(0, to - from));
    appended.delete(position);
    visible.delete(position);
  };
  return {
    appended: (position) => {
      appended.set(position, performance.now());
      match(position);
    },
    visible: (position) => {
      visible.set(position, performance.now());
      match(position);
    },
    latencies,
  };
}

export async function appendSteadily(
  events: number,
  watch: Watch,
  append: (id: string) => Promise<bigint>,
): Promise<Latencies> {
  const random = createRandom(1, 9);
  const sent: Promise<void>[] = [];
  let due = performance.now();
  for (let made = 0; made < events; made += 1) {
    due += (random.word() / 2 ** 32) * 2 * GAP_MS;
    // Appends are sent on schedule also when a reply is late, as by independent processes.
    const wait = due - performance.now();
    if (wait > 0) await pause(wait);
    sent.push(append(randomUUID()).then((position) => watch.appended(position)));
  }
  await Promise.all(sent);
  const until = performance.now() + PATIENCE_MS;
  while (watch.latencies.length < events) {
    if (performance.now() > until) throw new Error(`${events - watch.latencies.length} of ${events} rows never came`);
    await pause(5);
  }
  return watch.latencies;
}

/** The same projection, which also reports the events that its handlers received. */
function watched(projection: Projection, onEvent: (position: bigint) => void): Projection {
  const handlers = [...projection.handlers].map(([name, handler]): [typeof name, typeof handler] => [
    name,
    (event, context) => {
      onEvent(event.position);
      return handler(event, context);
    },
  ]);
  return { ...projection, handlers: new Map(handlers) };
}
