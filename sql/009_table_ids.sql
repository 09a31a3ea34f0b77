-- What a table is, as text. An oid (008) says nothing of a view, whose rows are those of the tables beneath it, and has no
-- word for a table that was declared later than the others. Daemons of the version before go on reading `table_oids`.
ALTER TABLE projection_state
  ADD COLUMN IF NOT EXISTS table_ids text[];   -- beside `tables`: an oid, 'view' and the oids beneath it, 'none' or 'added'

UPDATE projection_state AS s
SET table_ids = ARRAY(
  SELECT CASE t.oid WHEN 0 THEN 'none' WHEN 2618 THEN 'view' ELSE t.oid::text END
  FROM unnest(s.table_oids) WITH ORDINALITY AS t (oid, place) ORDER BY t.place)
WHERE s.table_oids IS NOT NULL;
