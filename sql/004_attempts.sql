-- What is needed to find the event that ends the process, again and again, before anything can be written down.
ALTER TABLE projection_state
  ADD COLUMN IF NOT EXISTS starts integer NOT NULL DEFAULT 0;  -- of processes, with something to do, since it last moved

-- From the third such start on each event is named here before it is tried. What a start finds here the last process died of.
CREATE TABLE IF NOT EXISTS projection_attempts (
  name        text    NOT NULL,
  instance_id text    NOT NULL DEFAULT '',
  position    bigint  NOT NULL,
  event_id    uuid    NOT NULL,
  event_name  text    NOT NULL,
  running     boolean NOT NULL,             -- the attempt has not ended yet
  deaths      integer NOT NULL DEFAULT 0,   -- processes that died in it
  PRIMARY KEY (name, instance_id)
);
