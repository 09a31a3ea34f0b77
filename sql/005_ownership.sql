-- Why a projection may not write its declared tables: they have rows that it has not written, belong to another
-- projection, or are not the declared ones. Null: they are its own. A RESET or an adoption clears it.
ALTER TABLE projection_state ADD COLUMN IF NOT EXISTS refused text;

-- The triggers of 001, which had the names of schema and sequence in their arguments: after a rename every append failed.
-- These follow the table that the trigger fires on. Its oid and that of its sequence may stand in the arguments, which
-- saves looking for the sequence with each append; they count only where they are this table's (after a restore they are
-- not) and there is such a sequence. `migrate` writes them.
CREATE OR REPLACE FUNCTION projectionist_announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_transaction text := pg_current_xact_id()::text;
  positions regclass;
BEGIN
  IF current_setting('projectionist.announced', true) IS DISTINCT FROM this_transaction THEN
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
    PERFORM set_config('projectionist.announced', this_transaction, true);
  END IF;
  RETURN NULL;
END
$$;

-- Without the sequence of the slots each append sends a NOTIFY: slower, and no append fails.
CREATE OR REPLACE FUNCTION projectionist_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slot bigint := floor(extract(epoch FROM clock_timestamp()) * 200);
  hint regclass := to_regclass(quote_ident(TG_TABLE_SCHEMA) || '.projectionist_hint');
BEGIN
  IF slot IS DISTINCT FROM pg_sequence_last_value(hint) THEN
    PERFORM setval(hint, slot);
    PERFORM pg_notify('projectionist:' || TG_TABLE_SCHEMA, '');
  END IF;
  RETURN NULL;
END
$$;
