/**
 * Every error that the engine raises: one code, and one sentence with what happened and what to do.
 * `{name}` is replaced by the error's field of that name. docs/reference/errors.md lists the same codes; a test compares them.
 */
const CATALOGUE = {
  STATEMENT_NO_TABLE: '{kind} names no table: give the name of a table that the projection declares',
  STATEMENT_NO_VALUES: "{kind} on '{table}' has no values: {reason}",
  STATEMENT_NO_CONDITION: "{kind} on '{table}' has no condition: name the columns that choose the rows",
  STATEMENT_VALUE_INVALID: "{kind} on '{table}', column '{column}': {reason}",
  CHANGE_INVALID: '{change} cannot use {value}: {reason}',
  DECIMAL_INVALID: "'{value}' is no decimal number: write it like '12.50' or '-1e-20'",
  PAYLOAD_INVALID: 'the payload of {event} is not what its schema says: {issues}',
  PAYLOAD_UNCHECKED: 'the schema of {event} could not check the payload: {reason}',
  IDENTIFIER_INVALID:
    "'{value}' cannot name a {what}: use lower-case letters, digits and underscores, a letter first, at most 63 characters",
  PROJECTION_INVALID: "projection '{name}': {reason}",
  PROJECTION_UNKNOWN: "there is no projection '{name}': known are {known}",
  PROJECTION_ROW_MISSING:
    "projection '{name}' has no row in projection_state, it was forgotten through another daemon: remove it from the config file, or restart the daemon, which registers it anew",
  TABLE_SHARED:
    "table '{table}' of '{second}' belongs to '{first}' too (as '{other}'): give each projection tables of its own, or forget the projection that is no longer declared",
  TABLE_REACHED:
    "'{name}' and '{owner}' are not independent: a write to table '{from}' of one also changes '{to}' of the other ({by}), so the rows would depend on which projection is ahead: drop that, or declare both tables in one projection",
  TABLE_UNSAFE: "table '{table}' of '{name}' does not keep its rows: {reason}",
  TABLE_RESERVED:
    "table '{table}' of '{name}' would reach the engine's own '{other}', which RESET must never empty: choose another table",
  TABLE_UNFIT:
    "table '{table}' of '{name}' lacks {lack}, so it is not the declared one: rename or drop it, or declare another table",
  TABLE_NOT_EMPTY:
    "table '{table}' has rows, and '{name}' has not applied an event yet, so rows would be overwritten or counted twice; RESET deletes them, `projectionist adopt {name} --position P` keeps them as the result of all events up to P; or declare another table",
  TABLE_REPLACED:
    "table '{table}' is not the one that '{name}' has filled (it was dropped, renamed or created again by hand, or is a view of other tables now), so rows are missing: RESET deletes its rows and applies every event, `projectionist adopt {name} --position P` keeps its rows as the result of all events up to P; or declare another table",
  TABLE_ADDED:
    "table '{table}' was added to '{name}' after the event at position {cursor}, so the rows of the events up to there are missing in it: RESET empties all tables of '{name}' and applies every event, `projectionist adopt {name} --position {cursor}` goes on without those rows; or declare the table in another projection",
  PROJECTION_REFUSED: '{reason}',
  ADOPT_REFUSED: "'{name}' was not adopted, nothing changed: {reason}",
  TABLE_NOT_DECLARED: "'{name}' does not declare table '{table}', and writes no other tables: add it to its tables",
  TABLE_MISSING: "projection '{name}' needs table '{table}', which does not exist: run `projectionist migrate`",
  LOOKUP_MISSED: "no row in '{table}' where {where}: the event that creates it is missing or comes later",
  HANDLER_RESULT_INVALID:
    'the handler returned {result}: return statements, or use an async function that returns nothing',
  HANDLER_STATEMENT_REFUSED: "'{statement}' was not sent: {reason}",
  HANDLER_NOT_AWAITED: "the handler ended before its statement '{statement}' was answered: await every statement",
  HANDLER_TIMEOUT:
    'the handler of {event} had not ended after {ms} ms: find out what it waits for, or raise eventTimeoutMs',
  PROCESS_DIED:
    'the process ended {deaths} times while it applied {event} at position {position}: find out what its handler does (memory, exit, endless loop), then RETRY or SKIP',
  HANDLER_ENDED_TRANSACTION:
    "a handler of '{name}' ended the page's transaction itself: what it committed up to position {position} may be applied twice; fix the handler, then RESET",
  HANDLER_IGNORED_ERROR:
    "a handler of '{name}' caught an error of PostgreSQL and went on, but PostgreSQL had aborted the page's transaction: let the handler throw the error",
  CURSOR_MOVED:
    "projection '{name}' was moved by another program while a page was being applied: the page was rolled back",
  EVENTS_TAKEN_BACK:
    "events of a page of '{name}' up to position {to} are no longer in the store (a crash or a failover took them back): the page was rolled back and is read again",
  COMMIT_REFUSED:
    'PostgreSQL answered COMMIT with a rollback: a statement of the transaction had failed and its error was ignored',
  TRANSACTION_OVER:
    'this transaction has ended: await every statement inside the function that received the transaction',
  HISTORY_AHEAD:
    "projection '{name}' stands at {cursor}, the store ends at {head}: the store was restored to an earlier point; RESET the projection",
  HISTORY_DIVERGED:
    "projection '{name}' was built from another history: event {expected} was at position {cursor}, now event {found} is there; RESET the projection",
  PUBLISHER_HISTORY:
    'the store is not the one whose events were published up to {cursor}: it was restored or replaced; docs/publisher.md has the steps to go on',
  PUBLISHER_TAKES_NO_COMMANDS: "{event} is for projections, '$publisher' takes no commands: docs/publisher.md",
  RESET_FAILED: "the reset of '{name}' was rolled back, nothing changed: {reason}",
  RESET_BLOCKED:
    "the reset of '{name}' waited {seconds} s for a lock and was rolled back, nothing changed: {holders}; RESET again",
  RESET_REFUSED: "'{name}' was not reset, nothing changed: {reason}",
  RESET_DAMAGED:
    'a reset handler ended the transaction of the reset itself, so the rows of {names} can no longer be trusted: fix the handler, then RESET',
  RESET_UNKNOWN:
    "the connection was lost while the reset of '{name}' was committed: the reset is done if status shows generation {generation}",
  INSPECTOR_MISSING: 'INSPECT=stock needs the package @statelyai/inspect: run `npm install @statelyai/inspect@0.7.2`',
  SKIP_MOVED: "nothing was skipped, '{name}' {where}: take the position from `projectionist status {name}`",
  FORGET_REFUSED: "'{name}' was not forgotten, nothing changed: {reason}",
  NOTHING_FAILED: "'{name}' has no failed event to try: {reason}",
  TRY_GIVEN_UP: "the try of '{name}' was rolled back before its end: {reason}",
  DAEMON_STARTING: 'the daemon has not started yet: ask again in a moment',
  DAEMON_STOPPED: 'the daemon is stopping: send the command again after its next start',
  COMMAND_INVALID: "{event} for '{name}' was not accepted: {reason}",
  COMMAND_NOT_TAKEN:
    "the database did not answer while {event} for '{name}' was being stored: check in projection_commands whether it is stored before you repeat it, or repeat it with the same id",
  COMMAND_STALE:
    "{event} was meant for generation {expected} of '{name}', which is at generation {found}: nothing was done; read its status before you repeat the command",
  COMMAND_REFUSED: "{event} means nothing to '{name}' while it is {state}",
  COMMAND_TIMEOUT: "'{name}' did not answer {event} within {ms} ms: it is {state}",
  WAIT_BUSY: '{max} waits are in progress already: repeat the request in a moment',
  DATABASE_UNREACHABLE: 'cannot reach the database at {address}: {reason}; {hint}',
  DATABASE_REFUSED: 'the database at {address} cannot be used: {reason}; {hint}',
  DATABASE_ENCODING: "the database is {encoding}: create it with ENCODING 'UTF8'",
  DATABASE_IN_RECOVERY: 'the database is in recovery (a standby): point DATABASE_URL at the primary',
  DATABASE_VERSION: 'PostgreSQL {version} is too old: 14 or newer is needed',
  SCHEMA_NEWER: 'the database was migrated to version {found}, this program knows {known}: update the program',
  MIGRATION_NEEDED:
    'the database was migrated to version {found}, this program needs {known}, and this role may not create tables: run `projectionist migrate` as their owner, then sql/roles.sql',
  SESSION_SETTING:
    '{setting} is {value} in sessions of this role on this database, it must be {required}: undo the setting in ALTER ROLE, ALTER DATABASE or postgresql.conf',
  SCHEMA_MISPLACED:
    "'{table}' is in schema {found}, and SCHEMA is {schema}: rows of another store would be written; run `projectionist migrate` with this SCHEMA, or set SCHEMA to {found}",
  SCHEMA_GONE:
    "schema '{schema}' no longer exists, it was renamed or dropped: rename it back, or restart the daemon with SCHEMA set to its new name",
  SCHEMA_SHADOWED:
    "schema {found} of EXTENSION_SCHEMAS has a '{table}' too, which would be written if the table in {schema} were dropped: move the extension to a schema of its own (ALTER EXTENSION … SET SCHEMA)",
  ROW_SECURITY:
    "row level security applies to role {role} on '{table}', so rows could be hidden from the engine: give the role BYPASSRLS, or make it the table's owner without FORCE ROW LEVEL SECURITY",
  ROWS_NOT_WRITTEN:
    "{written} of {wanted} rows were written by '{statement}': a trigger or rule of the table left the others out, or another program writes to the table; drop the trigger or rule, or use an async handler",
  STORE_SUBSCRIBED:
    'table {table} is filled by subscription {subscription}: logical replication fires no triggers, so events would be missed; run the daemon on the publisher, or drop the subscription',
  STORE_MISSING: 'there is no table {table} in schema {schema}: run `projectionist migrate`, or set SCHEMA',
  STORE_ELSEWHERE:
    'schema {schema} of database {database} has no event store, and schema {others} has one: set SCHEMA to that one, or run `projectionist migrate --schema {schema}` to create a second, empty store',
  STORE_CACHE: 'the sequence of events.position has CACHE {cache}: run `ALTER SEQUENCE {sequence} CACHE 1`',
  STORE_TRIGGER: 'trigger {trigger} on {table} is {problem}, so events could be missed: run `projectionist migrate`',
  STORE_POSITION:
    'events.position reaches {max}, its sequence only {last}, so positions would be allocated twice: run `{repair}`',
  STORE_COLUMNS:
    'table {table} lacks {columns}, so it is not the event store of this program: set SCHEMA to a schema of its own, or add the columns of docs/reference/tables.md',
  PROJECTION_DDL: "the schema of projection '{name}' was refused{where}: {reason}; nothing was migrated",
  APPEND_CONFLICT:
    'stream {aggregateName} {aggregateId} already has sequence number {sequenceNo}: read the stream again and decide anew',
  APPEND_DUPLICATE: 'an event with id {id} is already stored',
  APPEND_DIFFERS:
    "event {id} ('{name}') is stored already with another {differing}: stored events never change, so give a new event its own id and sequence number",
  APPEND_INVALID: 'the event cannot be stored: {reason}',
  CONFIG_INVALID: '{setting}: {reason}',
  CONFIG_FILE: 'cannot use {file}: {reason}',
  DISK_FULL: '{file} could not be written: {reason}; {left}',
  PORT_IN_USE: 'port {port} on {host} is in use: stop the other process or set PORT (0 picks a free one)',
  BIND_NEEDS_TOKEN: 'HOST {host} can be reached from other machines: set PROJECTIONIST_TOKEN as well',
  DAEMON_UNREACHABLE: 'no daemon answers at {url}: start it with `npm start`, or set PROJECTIONIST_URL',
  IMPORT_LINE: 'line {line}: {reason} ({taken} events before it were imported)',
  TEST_INVALID: 'the test cannot be run: {reason}',
  TEST_NEEDS_POSTGRES:
    "{what} of '{name}' runs SQL of its own, which a test in memory cannot run: test it with createTestKit(), on PostgreSQL",
  TEST_DATABASE: 'no database for the tests at {address}: {reason}',
  EMBEDDED_UNAVAILABLE:
    'no PostgreSQL to start here ({reason}): install one ({hint}), or set DATABASE_URL to a server of yours',
  EMBEDDED_FAILED: 'the private PostgreSQL in {folder} did not start: {reason}',
} as const;

export type ErrorCode = keyof typeof CATALOGUE;
export type ErrorFields = Readonly<Record<string, string | number | bigint | null | undefined>>;

export const ERROR_CODES: readonly ErrorCode[] = Object.freeze(Object.keys(CATALOGUE) as ErrorCode[]);

/** The only class that the engine throws on purpose. Decide by `code`, never by message. */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(fill(CATALOGUE[code], fields), options);
    this.name = 'EngineError';
    this.code = code;
    this.fields = fields;
  }
}

export function isEngineError(error: unknown, code?: ErrorCode): error is EngineError {
  return error instanceof EngineError && (code === undefined || error.code === code);
}

function fill(text: string, fields: ErrorFields): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, key: string) => (key in fields ? String(fields[key]) : whole));
}
