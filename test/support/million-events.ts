import type { Sql } from '../../src/postgres/pool.ts';

/**
 * Fills an empty store quickly: without a write-ahead log, without the triggers, and with the indexes built at the end.
 * The type `Rare` is at every 50,000th position, seven other types share the rest. Some times are earlier than the one before.
 */
export async function fillStore(sql: Sql, events: number): Promise<void> {
  await sql.unsafe(`
    ALTER TABLE events SET UNLOGGED;
    ALTER TABLE events DISABLE TRIGGER USER;
    ALTER TABLE events DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_id_key, DROP CONSTRAINT events_stream_key;
    DROP INDEX events_tstamp_idx;
    INSERT INTO events (id, aggregate_name, aggregate_id, sequence_no, name, occurred_at)
    SELECT ('00000000-0000-4000-8000-' || lpad(g::text, 12, '0'))::uuid, 'Many', (g / 10)::text, g % 10,
           CASE g % 50000 WHEN 77 THEN 'Rare' ELSE 'Type' || g % 7 END,
           timestamptz '2025-01-01Z' + (g + g * 7919::bigint % 13) * interval '1 second'
    FROM generate_series(1, ${events}) AS g;
    ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY (position), ADD CONSTRAINT events_id_key UNIQUE (id);
    ALTER TABLE events ADD CONSTRAINT events_stream_key UNIQUE (instance_id, aggregate_name, aggregate_id, sequence_no);
    CREATE INDEX events_tstamp_idx ON events (tstamp);
    ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_announce;
    ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_notify`);
  await sql`VACUUM ANALYZE events`;
}
