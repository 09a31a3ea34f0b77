import { randomUUID, type UUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { type EngineError, isEngineError } from '../core/errors.ts';
import { sqlstateOf } from '../postgres/errors.ts';

/** Refusals of the control API itself. docs/reference/errors.md lists them; a test compares. */
export const PROBLEMS = {
  HOST_REFUSED: [
    421,
    'this server does not answer to that Host: use the address it printed at its start, or add the name to ALLOWED_HOSTS',
  ],
  TOKEN_NEEDED: [401, 'send the token as `Authorization: Bearer …`; .projectionist/daemon.json holds it'],
  TOKEN_WRONG: [401, "this is not the daemon's token; .projectionist/daemon.json holds it"],
  ORIGIN_REFUSED: [403, 'pages of other origins may not send commands'],
  NOT_FOUND: [404, 'there is nothing here; GET / lists the routes'],
  COMMAND_UNKNOWN: [404, 'there is no command of this id'],
  METHOD_NOT_ALLOWED: [405, 'the Allow header lists the methods'],
  BODY_TOO_LARGE: [413, 'the body may have 64 KiB'],
  BODY_NOT_JSON_TYPE: [415, 'send the body with `Content-Type: application/json`'],
  BODY_INVALID: [400, 'the body is not what it has to be; GET /openapi.json says what'],
  QUERY_INVALID: [400, 'a parameter of the address is not what it has to be'],
  HEADER_INVALID: [400, 'a header is not what it has to be'],
  NOT_APPLIED: [504, 'it did not come so far in time'],
  TOO_MANY: [429, 'too many commands from your address: wait a second'],
  BUSY: [503, 'too many commands are under way: send it again in a moment'],
  UNAVAILABLE: [503, 'the database did not answer in time: try again'],
  STORE_REFUSED: [503, 'the database lacks what the daemon needs, or refuses it; GET /projections says what to do'],
  UPGRADE_NEEDED: [426, 'this is a WebSocket: docs/inspector.md says how to read it'],
  INSPECTORS_FULL: [503, 'as many are reading along as may: close one of them'],
  INTERNAL: [500, 'something went wrong inside'],
} as const;

/** On every answer, errors included. No header of CORS is among them, so no page of another origin can read an answer. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** Errors whose message is meant for the caller. The message of any other could hold SQL, an address or a payload. */
const STATUS_OF = {
  PROJECTION_UNKNOWN: 404,
  COMMAND_INVALID: 400,
  COMMAND_NOT_TAKEN: 503,
  PUBLISHER_TAKES_NO_COMMANDS: 409,
  FORGET_REFUSED: 409,
  ADOPT_REFUSED: 409,
  TABLE_SHARED: 409,
  TABLE_REACHED: 409,
  TABLE_UNSAFE: 409,
  TABLE_UNFIT: 409,
  COMMAND_TIMEOUT: 504,
  WAIT_BUSY: 503,
  NOTHING_FAILED: 409,
  TRY_GIVEN_UP: 503,
  DAEMON_STARTING: 503,
  DAEMON_STOPPED: 503,
} as const;

/** Of commands that ended without an effect; of any other code 422. */
const OUTCOME_STATUS = {
  COMMAND_REFUSED: 409,
  COMMAND_STALE: 409,
  SKIP_MOVED: 409,
  RESET_BLOCKED: 503,
  RESET_FAILED: 422,
  RESET_REFUSED: 422,
} as const;

const ALL_STATUS = { ...STATUS_OF, ...OUTCOME_STATUS };

/** Every code with which a route can refuse a request. */
export type RefusalCode = ProblemCode | keyof typeof ALL_STATUS;

export function statusOf(code: RefusalCode): number {
  return isProblemCode(code) ? PROBLEMS[code][0] : ALL_STATUS[code];
}

function isProblemCode(code: RefusalCode): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}

/** RFC 9457. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** Of the log entry with the details; only where the answer must not show them. */
  readonly id?: UUID;
}

export function problem(code: ProblemCode, detail?: string): Problem {
  const [status, text] = PROBLEMS[code];
  return build(status, code, detail === undefined ? text : `${text}: ${detail}`);
}

/** With the remaining positions as a member of its own. */
export function notApplied(detail: string, lagEvents: number): Problem & { readonly lagEvents: number } {
  return { ...problem('NOT_APPLIED', detail), lagEvents };
}

/** The answer for a command that has failed: refused in this state (409), not possible now (503), or not possible (422). */
export function outcomeProblem(outcome: { readonly code: string; readonly message: string }): Problem {
  const statuses: Readonly<Record<string, number>> = OUTCOME_STATUS;
  return build(statuses[outcome.code] ?? 422, outcome.code, outcome.message);
}

export function errorProblem(error: unknown): Problem {
  if (isPublic(error)) return build(STATUS_OF[error.code], error.code, error.message);
  const id = randomUUID();
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
  const { status, code, detail } = problem(
    timedOut ? 'UNAVAILABLE' : isDoneToTheStore(error) ? 'STORE_REFUSED' : 'INTERNAL',
  );
  return { ...build(status, code, `${detail}; the log has more under ${id}`), id };
}

/** A schema was renamed, a table dropped, a right revoked: no fault of the daemon. */
function isDoneToTheStore(error: unknown): boolean {
  return ['42501', '42P01', '3F000'].includes(sqlstateOf(error) ?? '');
}

function isPublic(error: unknown): error is EngineError & { readonly code: keyof typeof STATUS_OF } {
  return isEngineError(error) && Object.hasOwn(STATUS_OF, error.code);
}

function build(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code };
}

/** For answers outside of Hono, which have no context. */
export function problemResponse(answer: Problem): Response {
  const headers = { ...SECURITY_HEADERS, 'Content-Type': 'application/problem+json' };
  return new Response(JSON.stringify(answer), { status: answer.status, headers });
}
