import { quoteIdentifier } from '../core/identifier.ts';

/** The schemas in which a session resolves names. */
export interface SearchPath {
  /** Holds every table of the engine and of the projections. */
  readonly schema: string;
  /** Hold extensions (types, functions, operators), and no table with the name of one of ours. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
}

interface Setting {
  readonly name: string;
  readonly value: string;
  /** What the setting changes. */
  readonly because: string;
}

/**
 * Every setting that changes which rows or values are read or written, at PostgreSQL's own default (times in UTC). A
 * database, a role or a pooler may silently set each of them to another value. test/postgres/session-settings.int.test.ts
 * compares this list with that of the server, so that a setting of a new PostgreSQL version is judged before a release.
 */
const PINNED: readonly Setting[] = [
  { name: 'TimeZone', value: 'UTC', because: 'timestamptz as text, and the instant that a text without a zone means' },
  { name: 'DateStyle', value: 'ISO, YMD', because: 'dates as text, and which of 01/02/03 is the month' },
  { name: 'IntervalStyle', value: 'postgres', because: 'intervals as text' },
  { name: 'timezone_abbreviations', value: 'Default', because: 'the instant that a text with EST or IST means' },
  {
    name: 'extra_float_digits',
    value: '1',
    because: 'doubles as text: below 1 digits are lost, and with them the row',
  },
  { name: 'bytea_output', value: 'hex', because: 'bytea as text' },
  { name: 'array_nulls', value: 'on', because: 'off: NULL in an array becomes the text NULL' },
  { name: 'client_encoding', value: 'UTF8', because: 'every text' },
  { name: 'lc_monetary', value: 'C', because: 'money from and to text, to_char' },
  { name: 'lc_numeric', value: 'C', because: 'to_char and to_number' },
  { name: 'lc_time', value: 'C', because: 'to_char and to_date with names of months and days' },
  {
    name: 'default_text_search_config',
    value: 'pg_catalog.simple',
    because: 'to_tsvector and to_tsquery of one argument',
  },
  { name: 'xmlbinary', value: 'base64', because: 'bytea inside of xml' },
  { name: 'xmloption', value: 'content', because: 'which texts are xml' },
  { name: 'standard_conforming_strings', value: 'on', because: 'backslashes in literals' },
  { name: 'backslash_quote', value: 'safe_encoding', because: 'whether \\’ is a quote in a literal' },
  { name: 'quote_all_identifiers', value: 'off', because: 'names that the server writes, as in regclass::text' },
  { name: 'transform_null_equals', value: 'off', because: 'on: x = NULL finds rows' },
  { name: 'gin_fuzzy_search_limit', value: '0', because: 'above 0 a GIN index gives some of the rows only' },
  {
    name: 'row_security',
    value: 'off',
    because: 'rows that policies hide: off makes the server refuse, not hide them',
  },
  { name: 'default_transaction_isolation', value: 'read committed', because: 'what a statement sees of others' },
  { name: 'exit_on_error', value: 'off', because: 'on: every error ends the session, so no failure could be recorded' },
];

/** Settings that change no row. They are set and proved like the others, so they hold behind a pooler and for every role. */
const LIMITS: readonly Setting[] = [
  {
    name: 'idle_in_transaction_session_timeout',
    value: '1min',
    because: 'a client that is gone without a word would hold its locks until TCP gives up, after two hours',
  },
  { name: 'jit', value: 'off', because: 'the statements of a start took 450 ms to compile and 130 ms to run' },
];

/**
 * With these settings the server notices that the client of a session is gone, so that the session does not count against
 * max_connections for two hours. They are sent in the start-up message and not proved: on a Unix socket they have no effect,
 * and behind a pooler its own apply. Transactions of pages have shorter ones (`limitPage`).
 */
const KEEPALIVES: readonly Setting[] = [
  { name: 'tcp_keepalives_idle', value: '30', because: 'seconds of silence until the peer is probed' },
  { name: 'tcp_keepalives_interval', value: '10', because: 'seconds between two probes' },
  { name: 'tcp_keepalives_count', value: '3', because: 'probes without an answer until the peer is gone' },
];

/** Only a superuser may set these, so a session checks them and does not set them. */
const REQUIRED: readonly Setting[] = [
  { name: 'session_replication_role', value: 'origin', because: 'replica: no triggers, no foreign keys' },
  { name: 'zero_damaged_pages', value: 'off', because: 'on: rows of damaged pages vanish' },
  { name: 'ignore_checksum_failure', value: 'off', because: 'on: damaged pages are read' },
];

export const PINNED_NAMES: readonly string[] = ['search_path', ...[...PINNED, ...LIMITS].map(({ name }) => name)];
export const REQUIRED_NAMES: readonly string[] = REQUIRED.map(({ name }) => name);
export const requiredSettings: ReadonlyMap<string, string> = toMap(REQUIRED);
export const keepalives: ReadonlyMap<string, string> = toMap(KEEPALIVES);

/** The values that a session must have, by name. */
export function sessionSettings(path: SearchPath): ReadonlyMap<string, string> {
  return new Map([['search_path', searchPath(path)], ...toMap([...PINNED, ...LIMITS])]);
}

/** pg_temp comes last: if it were not listed, temporary tables would come first and hide ours. */
export function searchPath({ schema, extensionSchemas = [] }: SearchPath): string {
  return [...[schema, ...extensionSchemas].map(quoteIdentifier), 'pg_temp'].join(', ');
}

function toMap(settings: readonly Setting[]): ReadonlyMap<string, string> {
  return new Map(settings.map(({ name, value }) => [name, value]));
}
