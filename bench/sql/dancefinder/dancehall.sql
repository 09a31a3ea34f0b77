-- Name and place are the latest DanceHallCreated's, the coordinates the latest DanceHallGeocoded's; one that came before
-- the hall was known changed nothing.
TRUNCATE dance_hall;
WITH created AS (
  SELECT DISTINCT ON (aggregate_id) aggregate_id, payload, occurred_at,
         min(position) OVER (PARTITION BY aggregate_id) AS first_position
  FROM events
  WHERE name = 'DanceHallCreated'
  ORDER BY aggregate_id, position DESC
), geocoded AS (
  SELECT DISTINCT ON (aggregate_id) aggregate_id, payload, position
  FROM events
  WHERE name = 'DanceHallGeocoded'
  ORDER BY aggregate_id, position DESC
)
INSERT INTO dance_hall (id, name, city, municipality, state, latitude, longitude, created)
SELECT c.aggregate_id::uuid, c.payload ->> 'name', c.payload ->> 'city', c.payload ->> 'municipality',
       c.payload ->> 'state', (g.payload ->> 'latitude')::float8, (g.payload ->> 'longitude')::float8, c.occurred_at
FROM created AS c
LEFT JOIN geocoded AS g ON g.aggregate_id = c.aggregate_id AND g.position > c.first_position;
