SELECT name, position,
(SELECT MAX(tstamp) FROM events) as latest_event
FROM readviews;

SELECT
rv.name,
rv.position as projection_position,
MAX(e.tstamp) as latest_event_time,
MAX(e.tstamp) - rv.position as lag_seconds
FROM readviews rv
CROSS JOIN events e
GROUP BY rv.name, rv.position;

-- Count events in event store by type
SELECT name, COUNT(*)
FROM events
WHERE aggregate_name = 'domain.Band'
GROUP BY name;

-- Count bands in read model
SELECT COUNT(*) FROM band;
