import type { FailureRecord, TryReport } from '../core/failure.ts';
import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { TransitionRecord } from '../core/transition.ts';
import type { Fleet } from './fleet.ts';

/** How long an answer may take, in milliseconds, beside the time that the daemon was asked to wait. */
const ANSWER_MS = 10_000;
const OUTCOME_MS = 30_000;

/** What the daemon answered when it did not do what was asked; the message is its own. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
  }
}

/** Nobody answered. */
export class UnreachableError extends Error {
  constructor() {
    super('the daemon does not answer');
    this.name = 'UnreachableError';
  }
}

interface Given {
  readonly position?: string;
  readonly reason?: string;
}

interface Outcome {
  readonly state?: string;
  readonly warning?: string | null;
}

export interface DaemonClient {
  about(): Promise<{ readonly version: string; readonly daemon: string }>;
  fleet(): Promise<Fleet>;
  projection(name: string): Promise<ProjectionStatus>;
  /** Whether this is the daemon's token. */
  accepts(token: string): Promise<boolean>;
  /** Gives an order and waits for how it ended. */
  order(name: string, event: OperatorEvent, given: Given): Promise<Outcome>;
  /** Null where this daemon does not keep them. */
  transitions(name: string): Promise<readonly TransitionRecord[] | null>;
  failures(name: string): Promise<readonly FailureRecord[] | null>;
  /** Runs the event a projection stands before, and rolls back. */
  tryFailed(name: string): Promise<TryReport>;
  /** The capsule of the event that failed, as text. */
  capsule(name: string): Promise<unknown>;
}

/**
 * Calls of the control API at the address the page came from. All throw RefusedError or UnreachableError.
 * @param token asked for at every call; null: none is known, which is enough to read on loopback
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
    // The daemon that answers is the one that has sent this page.
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
    accepts: async (given) => {
      try {
        await call('/token', { headers: { Authorization: `Bearer ${given}` } });
        return true;
      } catch (error) {
        if (error instanceof RefusedError && error.status === 401) return false;
        throw error;
      }
    },
    order: (name, type, given) =>
      call(`${at(name, 'events')}?wait=${OUTCOME_MS}`, post({ type, ...given }), OUTCOME_MS),
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
