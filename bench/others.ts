import { create, defineProjection, type EventShape, type Projection } from '../src/index.ts';
import type { Sql } from '../src/postgres/pool.ts';
import { startCaughtUp, timeCatchUp } from './catch-up.ts';
import { type Figure, type Part, ratio } from './figures.ts';
import { bandHistory, load } from './history.ts';
import { calm, interleave, rate, type Scale } from './parts.ts';
import { band } from './projections.ts';
import type { BenchServer } from './server.ts';
import { openStore } from './store.ts';
import { TARGETS } from './targets.ts';

const SEED = 1;
/** Events of the rare type among the others. */
const RARE = 100;

function rareProjection(name: string, types: readonly string[]): Projection {
  const write = (event: { readonly position: bigint }) => create(name, { position: event.position });
  return defineProjection<EventShape>()({
    name,
    schema: `CREATE TABLE IF NOT EXISTS ${name} (position bigint PRIMARY KEY)`,
    tables: { [name]: { key: ['position'] } },
    on: Object.fromEntries(types.map((type) => [type, write])),
  });
}

const rare = rareProjection('rare', ['Rare']);
const twenty = rareProjection('twenty', ['Rare', ...Array.from({ length: 19 }, (_, index) => `Nobody${index}`)]);

/**
 * A history in a store with 25 times as many events of types without a handler, spread evenly, compared with the same
 * history alone; and projections of a rare type.
 */
export async function othersPart(server: BenchServer, { events, rounds, log }: Scale, each = 25): Promise<Part> {
  const [alone, among] = [await server.createDatabase(), await server.createDatabase()];
  await using small = await openStore(alone.address, [band]);
  await using large = await openStore(among.address, [band, rare, twenty]);
  log(`others: loading ${events} events, and ${events * each} others around them`);
  await load(small.sql, bandHistory({ seed: SEED, events }));
  await load(large.sql, bandHistory({ seed: SEED, events }));
  await surround(large.sql, events, each);
  await using bandAlone = await startCaughtUp(alone.address, [band]);
  await using bandAmong = await startCaughtUp(among.address, [band]);
  await using rareAmong = await startCaughtUp(among.address, [rare]);
  await using twentyAmong = await startCaughtUp(among.address, [twenty]);
  const [only, surrounded, sparse, manyTypes] = await interleave(rounds, log, 'others', [
    async () => rate(events, await calmly(small, () => timeCatchUp(bandAlone))),
    async () => rate(events, await calmly(large, () => timeCatchUp(bandAmong))),
    async () => await calmly(large, () => timeCatchUp(rareAmong)),
    async () => await calmly(large, () => timeCatchUp(twentyAmong)),
  ]);
  const reference: Figure = { label: 'band, only its events', unit: 'events/s', rounds: only };
  const ours: Figure = { label: 'band, among the others', unit: 'events/s', rounds: surrounded };
  return {
    title: `Catch-up of ${events} events among ${events * each} others`,
    about: `Every ${each + 1}th event is one of \`band\`'s; ${RARE} are of a rare type. From RESET until live. Events of \`band\` per second.`,
    figures: [
      reference,
      ours,
      ratio('among the others / alone', ours, reference, TARGETS.amongOthers),
      { label: 'a projection of the rare type', unit: 'ms', rounds: sparse, target: TARGETS.rareType },
      { label: 'one of 20 types, of which one is met', unit: 'ms', rounds: manyTypes, target: TARGETS.rareType },
    ],
  };
}

async function calmly(store: Parameters<typeof calm>[0], measure: () => Promise<number>): Promise<number> {
  await calm(store);
  return await measure();
}

/** Moves the events apart and puts others between them: one statement, in the order of positions, indexes afterwards. */
async function surround(sql: Sql, events: number, each: number): Promise<void> {
  const step = each + 1;
  const last = events * step;
  await sql.unsafe(`
    ALTER TABLE events DISABLE TRIGGER USER;
    CREATE TABLE apart AS SELECT * FROM events;
    CREATE UNIQUE INDEX ON apart (position);
    ANALYZE apart;
    TRUNCATE events;
    ALTER TABLE events DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_id_key, DROP CONSTRAINT events_stream_key;
    DROP INDEX events_tstamp_idx;
    INSERT INTO events (position, id, aggregate_name, aggregate_id, sequence_no, name, occurred_at, payload)
      OVERRIDING SYSTEM VALUE
    SELECT g, coalesce(a.id, gen_random_uuid()), coalesce(a.aggregate_name, 'Other'), coalesce(a.aggregate_id, (g / 10)::text),
           coalesce(a.sequence_no, g), coalesce(a.name, CASE g % ${Math.floor(last / RARE)} WHEN 1 THEN 'Rare' ELSE 'Other' || g % 25 END),
           coalesce(a.occurred_at, timestamptz '2025-01-01Z' + g * interval '0.3 s'),
           coalesce(a.payload, jsonb_build_object('name', 'number ' || g, 'text', repeat('x', 40)))
    FROM generate_series(1, ${last}) AS g LEFT JOIN apart AS a ON g % ${step} = 0 AND a.position = g / ${step}
    ORDER BY g;
    DROP TABLE apart;
    ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY (position), ADD CONSTRAINT events_id_key UNIQUE (id);
    ALTER TABLE events ADD CONSTRAINT events_stream_key UNIQUE (instance_id, aggregate_name, aggregate_id, sequence_no);
    CREATE INDEX events_tstamp_idx ON events (tstamp);
    ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_announce;
    ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_notify;
    SELECT setval(pg_get_serial_sequence('events', 'position'), ${last})`);
  await sql`VACUUM ANALYZE events`;
}
