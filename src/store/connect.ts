import postgres from 'postgres';
import { quoteIdentifier } from '../core/identifier.ts';
import { parseJson, stringifyJson } from './json.ts';
import { guardTransactions } from './lost-connection.ts';

/** Where the database is: a URL, or what the private server of this process says. */
export type DatabaseAddress =
  | { readonly url: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface ConnectOptions {
  readonly address: DatabaseAddress;
  /** Schema of all tables of the engine and of the projections. Default public. */
  readonly schema?: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max: number;
  /** Called when one of them has closed, in use or not: the driver makes a new one without a word. */
  readonly onClose?: () => void;
}

/** int8 arrives as bigint, times keep their microseconds (as text, UTC), JSON keeps its big integers. */
const types = {
  bigint: postgres.BigInt,
  date: {
    to: 1184,
    from: [1082, 1114, 1184],
    serialize: (value: unknown) => (value instanceof Date ? value.toISOString() : String(value)),
    parse: (text: string) => text,
  },
  // The driver's own writes false for whatever is not true; PostgreSQL knows 'true' from 'maybe'.
  boolean: { to: 16, from: [16], serialize: String, parse: (text: string) => text === 't' },
  json: { to: 114, from: [114, 3802], serialize: stringifyJson, parse: parseJson },
};

/**
 * The driver (3.4.9) forgets a scheduled write when a connection closes, and then waits for it: the next start-up message
 * stays in its buffer until that holds 1024 bytes, five connect time-outs later, and whatever was left in the buffer goes
 * out before it. A start-up message of that size is sent at once; the server refuses it if there was something in front,
 * and the attempt after that is clean. Spaces after DateStyle are dropped by the server.
 */
const STARTUP_PADDING = 'ISO, YMD'.padEnd(1024);

export type Sql = ReturnType<typeof connect>;
type Types = { bigint: bigint; boolean: boolean; date: string; json: unknown };
export type Tx = postgres.TransactionSql<Types>;
/** Either of the two: where a statement may run in a transaction or outside of one. */
export type Queryable = postgres.ISql<Types>;

/** A pool that connects when first used. Close it with `sql.end({ timeout })`. */
export function connect({ address, schema = 'public', applicationName, max, onClose }: ConnectOptions) {
  const options = {
    max,
    types,
    connect_timeout: 5,
    onnotice: () => undefined,
    ...(onClose && { onclose: onClose }),
    connection: {
      application_name: applicationName.slice(0, 63),
      search_path: schema === 'public' ? 'public' : `${quoteIdentifier(schema)}, public`,
      TimeZone: 'UTC',
      DateStyle: STARTUP_PADDING,
      standard_conforming_strings: 'on',
    },
  };
  const { url, ...place } = 'url' in address ? address : { url: undefined, ...address };
  return guardTransactions(url === undefined ? postgres({ ...options, ...place }) : postgres(url, options));
}

/**
 * Makes a first connection, which learns the array types of the database; later ones do not ask again. The driver asks
 * in a promise of its own that nobody can catch: a connection lost just then would end the process.
 */
export async function learnTypes(sql: Sql): Promise<void> {
  await sql`SELECT 1`;
  Reflect.set(sql.options, 'fetch_types', false);
}

/** For messages: where we tried to go, without user or password. */
export function describeAddress(address: DatabaseAddress): string {
  if (!('url' in address)) return `${address.host} (private server)`;
  try {
    const { hostname, port, pathname } = new URL(address.url);
    return `${hostname || 'localhost'}:${port || '5432'}${pathname}`;
  } catch {
    return 'the given URL';
  }
}
