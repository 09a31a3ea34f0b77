-- Table band from the events, as one statement. The rule of the projection: the latest event of a name has it, and a
-- band that comes again under a new name gives the old one up. So an event's row stands exactly if no later event has
-- its name and no later event has its id.
SET LOCAL work_mem = '256MB';
SET LOCAL jit = off;
TRUNCATE band;
INSERT INTO band (id, name, created)
SELECT id, name, occurred_at
FROM (
  SELECT DISTINCT ON (name) id, name, occurred_at, position, last_of_id
  FROM (
    SELECT aggregate_id::uuid AS id, payload ->> 'name' AS name, occurred_at, position,
           max(position) OVER (PARTITION BY aggregate_id) AS last_of_id
    FROM events
    WHERE name = 'BandCreated'
  ) AS called
  ORDER BY name, position DESC
) AS last_of_name
WHERE position = last_of_id;
