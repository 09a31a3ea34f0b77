-- The announcement of 005, remembered for each table. A transaction may append to two event stores (two schemas of one
-- database): remembered for the transaction alone, the second store got no announcement, and events of it could be missed.
-- A partition is announced for itself: a second lock with a bound that is not lower than the first.
CREATE OR REPLACE FUNCTION projectionist_announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_transaction text := pg_current_xact_id()::text;
  announced text := 'projectionist.announced_' || TG_RELID;
  positions regclass;
BEGIN
  IF current_setting(announced, true) IS DISTINCT FROM this_transaction THEN
    IF TG_ARGV[0] = TG_RELID::text AND has_sequence_privilege(TG_ARGV[1]::oid, 'USAGE') IS NOT NULL THEN
      positions := TG_ARGV[1]::oid;
    ELSE
      positions := pg_get_serial_sequence(format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME), 'position')::regclass;
      -- A partition draws from the sequence of the table that it is a part of.
      positions := coalesce(positions, pg_get_serial_sequence(pg_partition_root(TG_RELID)::text, 'position')::regclass);
    END IF;
    IF positions IS NULL THEN
      RAISE EXCEPTION 'column position of %.% has no sequence of its own, so this append cannot be announced',
        TG_TABLE_SCHEMA, TG_TABLE_NAME;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(
      ((positions::oid::bigint # 2147483648) - 2147483648)::int,
      (coalesce(pg_sequence_last_value(positions), 0) & 2147483647)::int);
    PERFORM set_config(announced, this_transaction, true);
  END IF;
  RETURN NULL;
END
$$;
