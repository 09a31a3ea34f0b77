import type { FailureRecord, TryReport } from '../core/failure.ts';
import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { TransitionRecord } from '../core/transition.ts';
import type { Fleet } from './fleet.ts';

/** Deadline of an answer, on top of the time that the request asks the daemon to wait. */
const ANSWER_MS = 10_000;
/** How long the daemon waits for the outcome of a command or a dry run before it answers. */
const OUTCOME_MS = 30_000;

/** The daemon refused a request; the message is the daemon's. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
  }
}

/** The daemon did not answer: it is gone, or the deadline has passed. */
export class UnreachableError extends Error {
  constructor() {
    super('the daemon does not answer');
    this.name = 'UnreachableError';
  }
}

interface CommandFields {
  readonly position?: string;
  readonly reason?: string;
}

interface CommandAnswer {
  readonly state?: string;
  readonly warning?: string | null;
}

export interface DaemonClient {
  about(): Promise<{ readonly version: string; readonly daemon: string }>;
  fleet(): Promise<Fleet>;
  projection(name: string): Promise<ProjectionStatus>;
  /** Whether this is the daemon's token. */
  acceptsToken(token: string): Promise<boolean>;
  /** Sends a command and waits for its outcome. */
  send(name: string, event: OperatorEvent, fields: CommandFields): Promise<CommandAnswer>;
  /** Newest first; null if this daemon keeps none. */
  transitions(name: string): Promise<readonly TransitionRecord[] | null>;
  /** Null if this daemon keeps none. */
  failures(name: string): Promise<readonly FailureRecord[] | null>;
  /** Dry run of the event at which the projection has halted. */
  tryFailed(name: string): Promise<TryReport>;
  /** The failure snapshot of the event at which the projection has halted. */
  capsule(name: string): Promise<unknown>;
}

/**
 * Calls of the control API at the address that served the page.
 * @param token read at every call; null if this tab knows none, which is enough to read on loopback
 * @throws RefusedError, UnreachableError from every method
 */
export function createClient(token: () => string | null): DaemonClient {
  async function call<T>(path: string, init: RequestInit = {}, waitMs = 0): Promise<T> {
    const known = token();
    const headers = { Accept: 'application/json', ...(known === null ? {} : { Authorization: `Bearer ${known}` }) };
    const signal = AbortSignal.timeout(ANSWER_MS + waitMs);
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(path, { ...init, headers: { ...headers, ...init.headers }, signal, cache: 'no-store' });
      body = parse(await response.text());
    } catch {
      throw new UnreachableError();
    }
    if (!response.ok) throw new RefusedError(response.status, reasonOf(body) ?? `the answer was ${response.status}`);
    // Not validated: the daemon that answers has also served this page, so both have the same version.
    return body as T;
  }
  const post = (body: unknown): RequestInit => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const at = (name: string, what: string) => `/projections/${encodeURIComponent(name)}/${what}`;
  return {
    about: () => call('/'),
    fleet: () => call('/projections'),
    projection: (name) => call(`/projections/${encodeURIComponent(name)}`),
    acceptsToken: async (given) => {
      try {
        await call('/token', { headers: { Authorization: `Bearer ${given}` } });
        return true;
      } catch (error) {
        if (error instanceof RefusedError && error.status === 401) return false;
        throw error;
      }
    },
    send: (name, type, fields) =>
      call(`${at(name, 'events')}?wait=${OUTCOME_MS}`, post({ type, ...fields }), OUTCOME_MS),
    transitions: async (name) =>
      (await orNull(call<{ readonly transitions: readonly TransitionRecord[] }>(at(name, 'transitions?limit=50'))))
        ?.transitions ?? null,
    failures: async (name) =>
      (await orNull(call<{ readonly failures: readonly FailureRecord[] }>(at(name, 'failures'))))?.failures ?? null,
    tryFailed: (name) => call(at(name, 'try'), post({}), OUTCOME_MS),
    capsule: (name) => call(at(name, 'capsule')),
  };
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return null;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function reasonOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('detail' in body)) return null;
  return typeof body.detail === 'string' ? body.detail : null;
}
