-- The kinds of commands are the daemon's to know: a new kind must not need a change of this table, and a row that a newer
-- daemon has written must not be refused by it. A kind that no daemon knows is refused by the daemon, with a message.
ALTER TABLE projection_commands DROP CONSTRAINT IF EXISTS projection_commands_event_check;
