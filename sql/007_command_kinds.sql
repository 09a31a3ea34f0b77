-- The daemon decides which kinds of commands there are: a new kind must not need a change of this table, and the table must
-- not refuse a row that a newer daemon writes. The daemon refuses a kind that it does not know, with a message.
ALTER TABLE projection_commands DROP CONSTRAINT IF EXISTS projection_commands_event_check;
