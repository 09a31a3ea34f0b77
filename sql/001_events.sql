-- The event store. Everything here may run twice; the numbered files run once, in order, in one transaction.

CREATE TABLE IF NOT EXISTS events (
  position       bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
  id             uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  instance_id    text        NOT NULL DEFAULT '',
  aggregate_name text        NOT NULL,
  aggregate_id   text        NOT NULL,
  sequence_no    bigint      NOT NULL,
  name           text        NOT NULL,
  tstamp         bigint      GENERATED ALWAYS AS (floor(extract(epoch FROM occurred_at AT TIME ZONE 'UTC'))::bigint) STORED,
  occurred_at    timestamptz NOT NULL DEFAULT now(),
  payload        jsonb       NOT NULL DEFAULT '{}',
  metadata       jsonb       NOT NULL DEFAULT '{}',
  CONSTRAINT events_stream_key UNIQUE (instance_id, aggregate_name, aggregate_id, sequence_no)
);

-- MAX(tstamp) of the monitoring queries: without it each of them reads the whole table.
CREATE INDEX IF NOT EXISTS events_tstamp_idx ON events (tstamp);

-- Its last value is the number of the 5 ms slot of the last NOTIFY. It is a sequence, because a sequence is read and set
-- outside of the transaction: there is no row to wait for, and nothing to vacuum.
CREATE SEQUENCE IF NOT EXISTS projectionist_hint AS bigint CACHE 1;

-- Announced lower bound. Positions are allocated inside the INSERT but become visible at COMMIT, in another order; a reader
-- that took `position > last` would lose events. So each appending transaction first announces, as a shared advisory
-- lock that ends with it, a bound b below every position that it is going to allocate; no reader passes a bound that is held.
-- The setting remembers "announced already" together with the transaction's own id, so neither a stray session-level SET
-- nor a rollback to a savepoint (which takes the lock back as well) can make a transaction skip its announcement.
CREATE OR REPLACE FUNCTION projectionist_announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_transaction text := pg_current_xact_id()::text;
  positions regclass := TG_ARGV[0]::regclass;
BEGIN
  IF current_setting('projectionist.announced', true) IS DISTINCT FROM this_transaction THEN
    PERFORM pg_advisory_xact_lock_shared(
      ((positions::oid::bigint # 2147483648) - 2147483648)::int,
      (coalesce(pg_sequence_last_value(positions), 0) & 2147483647)::int);
    PERFORM set_config('projectionist.announced', this_transaction, true);
  END IF;
  RETURN NULL;
END
$$;

-- Wakes the daemons, at most once per 5 ms: a NOTIFY per append would halve the append rate. The hint may be lost (this
-- transaction may roll back, or commit after the slot's only NOTIFY); a woken daemon looks again, and a heartbeat finds
-- the rest.
CREATE OR REPLACE FUNCTION projectionist_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slot bigint := floor(extract(epoch FROM clock_timestamp()) * 200);
  hint regclass := TG_ARGV[0]::regclass;
BEGIN
  IF slot IS DISTINCT FROM pg_sequence_last_value(hint) THEN
    PERFORM setval(hint, slot);
    PERFORM pg_notify(TG_ARGV[1], '');
  END IF;
  RETURN NULL;
END
$$;

-- ENABLE ALWAYS: replica sessions (session_replication_role) append too. The names are written out in full, since the
-- functions run with a pinned search_path.
DO $$
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER projectionist_announce BEFORE INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION projectionist_announce(%L)',
    pg_get_serial_sequence('events', 'position'));
  EXECUTE format('CREATE OR REPLACE TRIGGER projectionist_notify AFTER INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION projectionist_notify(%L, %L)',
    format('%I.projectionist_hint', current_schema()), 'projectionist:' || current_schema());
  ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_announce;
  ALTER TABLE events ENABLE ALWAYS TRIGGER projectionist_notify;
END
$$;
