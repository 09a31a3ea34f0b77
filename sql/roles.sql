-- Roles with no more rights than they need, for a database that others use too. Run it by psql as a superuser, or as who
-- owns the database and may create roles, before the first `projectionist migrate` and after each one, with the schema
-- of the engine first in search_path:
--
--   PGOPTIONS='-c search_path=public' psql -f sql/roles.sql app
--
--   projectionist_owner     creates and changes tables: `projectionist migrate`
--   projectionist_daemon    reads events and never writes one; writes everything else: `projectionist start`
--   projectionist_appender  appends events, and cannot read, change or remove one
--   projectionist_reader    reads the read models and how far they are
--
-- No user logs in as one of these: grant them to users (docs/operations.md, Roles). Safe to run twice. It takes rights on
-- this schema's tables from these four alone, and the right to create tables there from PUBLIC.

DO $$
DECLARE
  role text;
  part record;
  here CONSTANT text := current_schema();
BEGIN
  FOREACH role IN ARRAY ARRAY['owner', 'daemon', 'appender', 'reader'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', 'projectionist_' || role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;

  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', here);
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO projectionist_owner', here);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO projectionist_daemon, projectionist_appender, projectionist_reader', here);

  -- Tables with their partitions, and the sequences that their columns draw from.
  FOR part IN
    SELECT c.oid::regclass AS name, c.relkind = 'S' AS sequence,
           coalesce(c.relname = 'events' OR p.relname = 'events' OR t.relname = 'events', false) AS store,
           c.relname LIKE 'projection\_%' AS bookkeeping, c.relname = 'projection_migrations' AS migrations
    FROM pg_class AS c
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
    LEFT JOIN pg_class AS p ON p.oid = i.inhparent
    LEFT JOIN pg_depend AS d ON c.relkind = 'S' AND d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class AS t ON t.oid = d.refobjid
    WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM projectionist_daemon, projectionist_appender, projectionist_reader', part.name);
    IF part.sequence THEN
      -- The high-water mark starts from the last allocated position; other sequences number the rows of read models.
      EXECUTE format('GRANT %s ON SEQUENCE %s TO projectionist_daemon',
                     CASE WHEN part.store THEN 'SELECT' ELSE 'USAGE, SELECT' END, part.name);
    ELSIF part.store THEN
      EXECUTE format('GRANT SELECT ON %s TO projectionist_daemon', part.name);
      EXECUTE format('GRANT INSERT ON %s TO projectionist_appender', part.name);
      -- For the queries that show the lag; payloads stay with the application.
      EXECUTE format('GRANT SELECT (position, name, tstamp, occurred_at) ON %s TO projectionist_reader', part.name);
    ELSIF part.migrations THEN
      EXECUTE format('GRANT SELECT ON %s TO projectionist_daemon', part.name);
    ELSE
      -- RESET empties tables by TRUNCATE.
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE%s ON %s TO projectionist_daemon',
                     CASE WHEN part.bookkeeping THEN '' ELSE ', TRUNCATE' END, part.name);
      EXECUTE format('GRANT SELECT ON %s TO projectionist_reader', part.name);
    END IF;
  END LOOP;
END
$$;
