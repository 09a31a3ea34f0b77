/** SQLSTATE of an error from PostgreSQL, or null. Only this file reads the fields of driver errors. */
export function sqlstateOf(error: unknown): string | null {
  const code = codeOf(error);
  // EPIPE has five letters like a SQLSTATE, and is none.
  return code !== null && !CONNECTION_CODES.has(code) && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** Codes without an answer of the server: the connection was lost or not made. CONNECTION_CLOSED is our own, see `send`. */
const CONNECTION_CODES = new Set([
  'CONNECTION_CLOSED',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EMFILE',
]);

/**
 * Errors of our own sessions. A handler may call other servers, whose errors have the same codes (ECONNREFUSED of a web
 * service, 40001 of another database). Those are failures of its event, and no reason to wait for our database.
 */
const ours = new WeakSet<object>();

/** Marks an error as raised by one of our sessions, so that its code is evidence about our database. */
export function ofOurDatabase<E extends Error>(error: E): E {
  ours.add(error);
  return error;
}

function isOurs(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ours.has(error);
}

/** True for 55P03: another transaction holds the row or the table. */
export function isLockNotAvailable(error: unknown): boolean {
  return sqlstateOf(error) === '55P03';
}

/** True for 25P02: an earlier statement of the transaction failed, so the server did not run this one. */
export function isAborted(error: unknown): boolean {
  return isOurs(error) && sqlstateOf(error) === '25P02';
}

/**
 * True for errors that a later attempt can overcome: lost connections (08, 57P0x), conflicts (40001, 40P01), no resources
 * (53), locks (55P03), a session ended for being idle in a transaction (25P03), a failover target that is still read-only
 * (25006), a plan that DDL made stale (0A000 "cached plan"). Every other error is permanent, including a statement that ran
 * into its time limit (57014), and so is every error that our own sessions did not raise.
 */
export function isTransient(error: unknown): boolean {
  if (!isOurs(error)) return false;
  const state = sqlstateOf(error);
  if (state === null) return CONNECTION_CODES.has(codeOf(error) ?? '');
  if (state === '0A000') return error instanceof Error && error.message.includes('cached plan');
  return (
    /^(08|53)/.test(state) ||
    ['26000', '57P01', '57P02', '57P03', '57P05', '40001', '40P01', '55P03', '25P03', '25006'].includes(state)
  );
}

/** True if one of our connections was lost: everything that was read over it must be read again. */
export function isConnectionLost(error: unknown): boolean {
  if (!isOurs(error)) return false;
  const state = sqlstateOf(error);
  if (state === null) return CONNECTION_CODES.has(codeOf(error) ?? '');
  return state.startsWith('08') || ['57P01', '57P02', '57P03', '25P03'].includes(state);
}

/** True if a prepared plan of this connection cannot be used again (DDL changed its result, or a pooler lost it). */
export function isStalePlan(error: unknown): boolean {
  const state = sqlstateOf(error);
  return state === '26000' || (state === '0A000' && isTransient(error));
}

/** Name of the constraint in an error, or null. */
export function constraintOf(error: unknown): string | null {
  return textField(error, 'constraint');
}

/** Name of the column in an error, or null. */
export function columnOf(error: unknown): string | null {
  return textField(error, 'column');
}

/** The `code` of any error: a SQLSTATE, a system error or our own; null if it has none. */
export function codeOf(error: unknown): string | null {
  return textField(error, 'code');
}

function textField(error: unknown, field: string): string | null {
  if (typeof error !== 'object' || error === null) return null;
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : null;
}
