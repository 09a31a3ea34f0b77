/** SQLSTATE of an error from PostgreSQL, or null. The only place that looks into driver errors. */
export function sqlstateOf(error: unknown): string | null {
  const code = codeOf(error);
  // EPIPE is as long as a SQLSTATE, and none.
  return code !== null && !CONNECTION_CODES.has(code) && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** Codes without a server's answer: the connection is gone or could not be made. CONNECTION_CLOSED is our own, see `send`. */
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
 * Errors that came out of our own sessions. A handler may speak to servers of its own, whose failures have the same codes
 * (ECONNREFUSED of a web service, 40001 of another database): those are failures of its event, and no reason to wait for
 * our database.
 */
const ours = new WeakSet<object>();

/** Where a session raises it: from here on its code says something about our database. */
export function ofOurDatabase<E extends Error>(error: E): E {
  ours.add(error);
  return error;
}

function isOurs(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ours.has(error);
}

/** True for 55P03: somebody else holds the row or the table. */
export function isLockNotAvailable(error: unknown): boolean {
  return sqlstateOf(error) === '55P03';
}

/** True for 25P02: an earlier statement of the transaction has failed, so this one was not even looked at. */
export function isAborted(error: unknown): boolean {
  return isOurs(error) && sqlstateOf(error) === '25P02';
}

/**
 * What passes by itself: lost connections (08, 57P0x), conflicts (40001, 40P01), no resources (53), locks (55P03),
 * idle-in-transaction ended by the server (25P03), a failover target that is still read-only (25006), a plan that a DDL
 * made stale (0A000 "cached plan"). Everything else is permanent, a statement that ran into its time limit (57014) too,
 * and whatever our own sessions did not raise.
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

/** True when a connection of ours is lost: whatever was read over it must be read again. */
export function isConnectionLost(error: unknown): boolean {
  if (!isOurs(error)) return false;
  const state = sqlstateOf(error);
  if (state === null) return CONNECTION_CODES.has(codeOf(error) ?? '');
  return state.startsWith('08') || ['57P01', '57P02', '57P03', '25P03'].includes(state);
}

/** True when a plan that this connection keeps is of no use any more (a DDL has changed its result, a pooler lost it). */
export function isStalePlan(error: unknown): boolean {
  const state = sqlstateOf(error);
  return state === '26000' || (state === '0A000' && isTransient(error));
}

/** Name of the constraint an error names, or null. */
export function constraintOf(error: unknown): string | null {
  return textField(error, 'constraint');
}

/** Name of the column an error names, or null. */
export function columnOf(error: unknown): string | null {
  return textField(error, 'column');
}

/** The driver's code, whatever it is of. */
export function codeOf(error: unknown): string | null {
  return textField(error, 'code');
}

function textField(error: unknown, field: string): string | null {
  if (typeof error !== 'object' || error === null) return null;
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : null;
}
