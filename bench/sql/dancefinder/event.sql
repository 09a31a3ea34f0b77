-- A dance is what its latest EventCreated said, unless it was deleted after that; each column is overwritten by the
-- latest later update that names it (null included, so an empty list and a list of null are not the same).
TRUNCATE event;
WITH standing AS (
  SELECT *
  FROM (
    SELECT DISTINCT ON (aggregate_id) aggregate_id, name, payload, occurred_at, position
    FROM events
    WHERE name IN ('EventCreated', 'EventDeleted')
    ORDER BY aggregate_id, position DESC
  ) AS latest
  WHERE name = 'EventCreated'
), changed AS (
  SELECT u.aggregate_id,
         array_agg(u.payload ->> 'date' ORDER BY u.position DESC) FILTER (WHERE u.payload ? 'date') AS dates,
         array_agg(u.payload ->> 'bandId' ORDER BY u.position DESC) FILTER (WHERE u.payload ? 'bandId') AS bands,
         array_agg(u.payload ->> 'danceHallId' ORDER BY u.position DESC) FILTER (WHERE u.payload ? 'danceHallId') AS halls,
         array_agg(u.payload ->> 'timeText' ORDER BY u.position DESC) FILTER (WHERE u.payload ? 'timeText') AS times,
         array_agg(u.payload ->> 'extraInfo' ORDER BY u.position DESC) FILTER (WHERE u.payload ? 'extraInfo') AS infos
  FROM events AS u
  JOIN standing AS s ON s.aggregate_id = u.aggregate_id AND u.position > s.position
  WHERE u.name = 'EventUpdated'
  GROUP BY u.aggregate_id
)
INSERT INTO event (id, date, band_id, dance_hall_id, time_text, extra_info, created)
SELECT s.aggregate_id::uuid,
       (CASE WHEN dates IS NULL THEN payload ->> 'date' ELSE dates[1] END)::date,
       (CASE WHEN bands IS NULL THEN payload ->> 'bandId' ELSE bands[1] END)::uuid,
       (CASE WHEN halls IS NULL THEN payload ->> 'danceHallId' ELSE halls[1] END)::uuid,
       CASE WHEN times IS NULL THEN payload ->> 'timeText' ELSE times[1] END,
       CASE WHEN infos IS NULL THEN payload ->> 'extraInfo' ELSE infos[1] END,
       s.occurred_at
FROM standing AS s
LEFT JOIN changed AS c USING (aggregate_id);
