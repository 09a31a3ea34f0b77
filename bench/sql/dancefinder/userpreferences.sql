-- An origin stands if no later event of its subject removed it. An ignored thing stands if it was
-- ignored after it was last unignored, since the first such event. Names of bands are looked up in table band as it is at
-- the end: in these histories an ignored band keeps its name, and no other band takes it.
TRUNCATE origin, ignored_band, ignored_dance_hall, ignored_city, ignored_municipality, ignored_state;
INSERT INTO origin (id, subject, name, latitude, longitude, created)
SELECT a.origin_id::uuid, a.subject, a.payload ->> 'name', (a.payload ->> 'latitude')::float8,
       (a.payload ->> 'longitude')::float8, a.occurred_at
FROM (
  SELECT DISTINCT ON (origin_id) payload ->> 'originId' AS origin_id, payload ->> 'subject' AS subject, payload,
         occurred_at, position
  FROM events
  WHERE name = 'OriginAdded'
  ORDER BY origin_id, position DESC
) AS a
LEFT JOIN (
  SELECT payload ->> 'originId' AS origin_id, payload ->> 'subject' AS subject, max(position) AS position
  FROM events
  WHERE name = 'OriginRemoved'
  GROUP BY 1, 2
) AS r ON r.origin_id = a.origin_id AND r.subject = a.subject AND r.position > a.position
WHERE r.position IS NULL;

-- One pass for the five kinds: what is named, whether it was ignored or taken back, and when.
CREATE TEMPORARY TABLE ignored ON COMMIT DROP AS
WITH choices AS (
  SELECT CASE WHEN name LIKE 'Band%' THEN 'band' WHEN name LIKE 'DanceHall%' THEN 'dance_hall'
              WHEN name LIKE 'City%' THEN 'city' WHEN name LIKE 'Municipality%' THEN 'municipality'
              ELSE 'state' END AS kind,
         coalesce(payload ->> 'bandName', payload ->> 'danceHallId', payload ->> 'city', payload ->> 'municipality',
                  payload ->> 'state') AS what,
         payload ->> 'subject' AS subject, name LIKE '%Ignored' AS added, occurred_at, position
  FROM events
  WHERE name IN ('BandIgnored', 'BandUnignored', 'DanceHallIgnored', 'DanceHallUnignored', 'CityIgnored',
                 'CityUnignored', 'MunicipalityIgnored', 'MunicipalityUnignored', 'StateIgnored', 'StateUnignored')
), since AS (
  SELECT *, max(position) FILTER (WHERE NOT added) OVER (PARTITION BY kind, what, subject) AS taken_back
  FROM choices
)
SELECT DISTINCT ON (kind, what, subject) kind, what, subject, occurred_at
FROM since
WHERE added AND (taken_back IS NULL OR position > taken_back)
ORDER BY kind, what, subject, position;

INSERT INTO ignored_band (id, band_id, subject, created)
SELECT uuid_generate_v5('48ab7772-18a1-4497-b42e-e0166ed74df7', '[' || to_json(b.id::text) || ',' || to_json(subject) || ']'),
       b.id, subject, occurred_at
FROM ignored JOIN band AS b ON b.name = what WHERE kind = 'band';
INSERT INTO ignored_dance_hall (id, dance_hall_id, subject, created)
SELECT uuid_generate_v5('48ab7772-18a1-4497-b42e-e0166ed74df7', '[' || to_json(what) || ',' || to_json(subject) || ']'),
       what::uuid, subject, occurred_at
FROM ignored WHERE kind = 'dance_hall';
INSERT INTO ignored_city (id, city, subject, created)
SELECT uuid_generate_v5('48ab7772-18a1-4497-b42e-e0166ed74df7', '[' || to_json(what) || ',' || to_json(subject) || ']'),
       what, subject, occurred_at
FROM ignored WHERE kind = 'city';
INSERT INTO ignored_municipality (id, municipality, subject, created)
SELECT uuid_generate_v5('48ab7772-18a1-4497-b42e-e0166ed74df7', '[' || to_json(what) || ',' || to_json(subject) || ']'),
       what, subject, occurred_at
FROM ignored WHERE kind = 'municipality';
INSERT INTO ignored_state (id, state, subject, created)
SELECT uuid_generate_v5('48ab7772-18a1-4497-b42e-e0166ed74df7', '[' || to_json(what) || ',' || to_json(subject) || ']'),
       what, subject, occurred_at
FROM ignored WHERE kind = 'state';
