-- What people query: how far each projection is, as the greatest epoch second among the events it has processed.
-- 0 means reset (or never run). Exactly these two columns.
CREATE TABLE IF NOT EXISTS readviews (
  name     text PRIMARY KEY,
  position bigint NOT NULL
);

-- What the engine trusts: the real cursor, moved in the same transaction as the rows it stands for.
CREATE TABLE IF NOT EXISTS projection_state (
  name          text        NOT NULL,
  instance_id   text        NOT NULL DEFAULT '',
  cursor        bigint      NOT NULL DEFAULT 0,   -- position of the last event processed
  last_event_id uuid,                             -- its id: shows whether the history is still the same one
  generation    bigint      NOT NULL DEFAULT 0,   -- + 1 with each reset: a page of an older one can never commit
  status        text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'halted')),
  version       integer     NOT NULL DEFAULT 1,   -- of the definition the rows were built with
  alarm         text,                             -- set when the rows can no longer be trusted; a reset clears it
  owner         text,                             -- the daemon that last worked on it
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, instance_id)
);

CREATE TABLE IF NOT EXISTS projection_failures (
  name         text        NOT NULL,
  instance_id  text        NOT NULL DEFAULT '',
  position     bigint      NOT NULL,
  event_id     uuid        NOT NULL,
  event_name   text        NOT NULL,
  attempts     integer     NOT NULL,
  error        text        NOT NULL,
  sqlstate     text,
  statement    text,
  first_at     timestamptz NOT NULL DEFAULT now(),
  last_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, instance_id, position)
);
