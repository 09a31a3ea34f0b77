-- The function of 005, but for the channel: PostgreSQL refuses a channel of more than 63 bytes, so in a schema whose name
-- is longer than 49 every append failed. Such a name is hashed here and in src/feed/notify.ts.
CREATE OR REPLACE FUNCTION projectionist_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slot bigint := floor(extract(epoch FROM clock_timestamp()) * 200);
  hint regclass := to_regclass(quote_ident(TG_TABLE_SCHEMA) || '.projectionist_hint');
  channel text := 'projectionist:' || TG_TABLE_SCHEMA;
BEGIN
  IF slot IS DISTINCT FROM pg_sequence_last_value(hint) THEN
    IF octet_length(channel) > 63 THEN
      channel := 'projectionist:' || left(encode(sha256(convert_to(TG_TABLE_SCHEMA, 'UTF8')), 'hex'), 40);
    END IF;
    PERFORM setval(hint, slot);
    PERFORM pg_notify(channel, '');
  END IF;
  RETURN NULL;
END
$$;
