-- Which tables `tables` stands for. A name alone proves nothing: a table that was dropped, renamed away or made anew by
-- hand leaves its name to an empty table, or to a table of another program.
ALTER TABLE projection_state
  ADD COLUMN IF NOT EXISTS table_oids oid[],  -- beside `tables`; 2618 (pg_rewrite) for a view, 0 for a table that was lost
  ADD COLUMN IF NOT EXISTS store_oids oid[];  -- of projection_state and events then: others after a restore, which makes every table anew
