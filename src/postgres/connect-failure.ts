import { codeOf, sqlstateOf } from './errors.ts';

/** Why a database cannot be used, and what to do about it. */
export interface ConnectFailure {
  /** False if no PostgreSQL answered. */
  readonly answered: boolean;
  readonly reason: string;
  readonly hint: string;
}

const CHECK_URL = 'check DATABASE_URL';

/** By SQLSTATE. Reason null: the server's message is used, since it names the role or the database. */
const REFUSED: Readonly<Record<string, { readonly reason: string | null; readonly hint: string }>> = {
  '28P01': { reason: null, hint: 'correct user and password in DATABASE_URL' },
  '28000': { reason: null, hint: 'correct the user in DATABASE_URL, or let it in (CREATE ROLE … LOGIN, pg_hba.conf)' },
  '3D000': { reason: null, hint: 'create it (CREATE DATABASE), or correct the name in DATABASE_URL' },
  '42501': { reason: null, hint: 'give the role what it lacks: GRANT CONNECT ON DATABASE, sql/roles.sql' },
  '53300': { reason: null, hint: 'end sessions that are not needed, or raise the limit (max_connections)' },
  '57P03': { reason: null, hint: 'try again in a moment' },
  '57014': {
    reason: 'a statement of the start ran into a statement_timeout',
    hint: 'raise the one of the role or the database (ALTER ROLE … SET statement_timeout); 10 s will do',
  },
};

const NO_USER: ConnectFailure = {
  answered: true,
  reason: 'no user is named',
  hint: 'write one into DATABASE_URL: postgres://USER@HOST/DATABASE',
};

const UNREACHED: Readonly<Record<string, { readonly reason: string; readonly hint: string }>> = {
  ECONNREFUSED: {
    reason: 'no server listens there',
    hint: 'start PostgreSQL, or correct host and port in DATABASE_URL',
  },
  ENOENT: { reason: 'there is no such socket', hint: 'start PostgreSQL, or correct host and port in DATABASE_URL' },
  ENOTFOUND: { reason: 'the name of the host is not known', hint: 'correct the host in DATABASE_URL' },
  EAI_AGAIN: {
    reason: 'the name of the host could not be looked up',
    hint: 'check the DNS, or the host in DATABASE_URL',
  },
  ECONNRESET: {
    reason: 'the connection was closed before a server answered',
    hint: 'check host and port in DATABASE_URL',
  },
};

/** By the driver's message, for errors without a code. */
const MESSAGES: readonly (readonly [message: RegExp, failure: { readonly reason: string; readonly hint: string }])[] = [
  [
    /does not support SSL/,
    {
      reason: 'the server has no TLS, which sslmode asks for',
      hint: 'turn it on (ssl = on), or write sslmode=disable',
    },
  ],
  [
    /certificate|self.signed|altnames/i,
    {
      reason: "the server's certificate is not trusted",
      hint: 'name its authority by sslrootcert, correct the host, or write sslmode=require to encrypt without a check',
    },
  ],
  [
    /terminated unexpectedly|error establishing an SSL connection/,
    { reason: 'the connection was closed before a server answered', hint: 'is it PostgreSQL that listens there?' },
  ],
  [/timeout/i, { reason: 'there was no answer in time', hint: 'check host, port and firewall; is the server up?' }],
];

export function describeConnectFailure(error: unknown): ConnectFailure {
  const message = messageOf(error);
  const state = sqlstateOf(error);
  if (state !== null) {
    if (state === '28000' && message.includes('no PostgreSQL user name')) return NO_USER;
    const known = REFUSED[state];
    return {
      answered: true,
      reason: known?.reason ?? (message === '' ? state : message),
      hint: known?.hint ?? CHECK_URL,
    };
  }
  const byMessage = MESSAGES.find(([pattern]) => pattern.test(message))?.[1];
  const failure = byMessage ?? UNREACHED[codeOf(error) ?? ''] ?? { reason: message, hint: CHECK_URL };
  return { answered: false, ...failure };
}

/** On one line; '' for the AggregateError of several attempts (IPv4 and IPv6). */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
}
