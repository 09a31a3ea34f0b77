/** UNIQUE (what, subject) also serves as the index on the reference column; `subject` has one for a dancer's own list. */
export const USERPREFERENCES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS origin (
    id uuid PRIMARY KEY,
    subject text,
    name text,
    latitude double precision,
    longitude double precision,
    created timestamptz
  );
  CREATE INDEX IF NOT EXISTS origin_subject_idx ON origin (subject);

  CREATE TABLE IF NOT EXISTS ignored_band (
    id uuid PRIMARY KEY,
    band_id uuid,
    subject text,
    created timestamptz,
    UNIQUE (band_id, subject)
  );
  CREATE INDEX IF NOT EXISTS ignored_band_subject_idx ON ignored_band (subject);

  CREATE TABLE IF NOT EXISTS ignored_dance_hall (
    id uuid PRIMARY KEY,
    dance_hall_id uuid,
    subject text,
    created timestamptz,
    UNIQUE (dance_hall_id, subject)
  );
  CREATE INDEX IF NOT EXISTS ignored_dance_hall_subject_idx ON ignored_dance_hall (subject);

  CREATE TABLE IF NOT EXISTS ignored_city (
    id uuid PRIMARY KEY,
    city text,
    subject text,
    created timestamptz,
    UNIQUE (city, subject)
  );
  CREATE INDEX IF NOT EXISTS ignored_city_subject_idx ON ignored_city (subject);

  CREATE TABLE IF NOT EXISTS ignored_municipality (
    id uuid PRIMARY KEY,
    municipality text,
    subject text,
    created timestamptz,
    UNIQUE (municipality, subject)
  );
  CREATE INDEX IF NOT EXISTS ignored_municipality_subject_idx ON ignored_municipality (subject);

  CREATE TABLE IF NOT EXISTS ignored_state (
    id uuid PRIMARY KEY,
    state text,
    subject text,
    created timestamptz,
    UNIQUE (state, subject)
  );
  CREATE INDEX IF NOT EXISTS ignored_state_subject_idx ON ignored_state (subject);
`;
