-- What operators ask for: the queue and the audit log in one. A command is pending until its effect commits, or it is
-- refused; the effect and `state` are written in one transaction, so nothing is carried out twice or forgotten.
-- INSERT INTO projection_commands (name, event) VALUES ('band', 'RESET') from any SQL client is a valid command.
CREATE TABLE IF NOT EXISTS projection_commands (
  id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  number         bigint      GENERATED ALWAYS AS IDENTITY,  -- commands of one projection are carried out in this order
  name           text        NOT NULL,
  instance_id    text        NOT NULL DEFAULT '',
  event          text        NOT NULL CHECK (event IN ('RESET', 'PAUSE', 'RESUME', 'RETRY', 'SKIP')),
  position       bigint,                                    -- SKIP: of the event that failed
  reason         text,                                      -- SKIP: why, for the record
  generation     bigint,                                    -- refused unless the projection is of this one
  requested_by   text        NOT NULL DEFAULT 'sql ' || session_user,
  accepted_by    text        NOT NULL DEFAULT 'sql',        -- the daemon that took it in
  requested_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  state          text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
  carried_out_by text,                                      -- the daemon that ended it
  ended_at       timestamptz,
  code           text,                                      -- of a failed one: error code and sentence
  message        text,
  warning        text,                                      -- what else it did
  CHECK (event <> 'SKIP' OR (position IS NOT NULL AND reason IS NOT NULL AND length(reason) BETWEEN 1 AND 500)),
  CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX IF NOT EXISTS projection_commands_pending ON projection_commands (name, number) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS projection_commands_log ON projection_commands (name, number);

-- Every change of state that is news, the newest 1000 of each projection.
CREATE TABLE IF NOT EXISTS projection_transitions (
  number      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text        NOT NULL,
  instance_id text        NOT NULL DEFAULT '',
  from_state  text        NOT NULL,
  to_state    text        NOT NULL,
  cause       text        NOT NULL,  -- the machine's event
  detail      text,
  position    bigint      NOT NULL,  -- cursor then
  daemon      text        NOT NULL,
  at          timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS projection_transitions_log ON projection_transitions (name, instance_id, number);

-- An event that was passed over stays on record until a reset.
ALTER TABLE projection_failures
  ADD COLUMN IF NOT EXISTS code        text,         -- the engine's name for the error
  ADD COLUMN IF NOT EXISTS skipped_at  timestamptz,
  ADD COLUMN IF NOT EXISTS skipped_by  text,
  ADD COLUMN IF NOT EXISTS skip_reason text;

-- A pause hides a halt and must not lose it.
ALTER TABLE projection_state
  ADD COLUMN IF NOT EXISTS resume_to text NOT NULL DEFAULT 'running' CHECK (resume_to IN ('running', 'halted'));
