import type { z } from 'zod';
import type { Capsule } from '../core/capsule.ts';
import type { CommandRecord } from '../core/command.ts';
import { EngineError } from '../core/errors.ts';
import type { FailureRecord, TryReport } from '../core/failure.ts';
import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import { untilAborted } from '../core/signals.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { TransitionRecord } from '../core/transition.ts';
import { capsuleSchema, failuresSchema, trySchema } from '../http/failure-schemas.ts';
import {
  adoptedSchema,
  appliedSchema,
  commandsSchema,
  fleetSchema,
  forgottenSchema,
  outcomeSchema,
  problemSchema,
  projectionSchema,
  transitionsSchema,
} from '../http/schemas.ts';
import { isRunning, readDaemonFile } from './daemon-file.ts';

export const DEFAULT_URL = 'http://127.0.0.1:4400';
/** Of an answer, beyond the time the daemon was asked to wait itself. */
const ANSWER_MS = 15_000;
/** What a daemon takes for a try at most. */
const TRY_MS = 45_000;

export interface DaemonAddress {
  readonly url: string;
  /** Null: none is known, which is enough to read on loopback. */
  readonly token: string | null;
}

/**
 * PROJECTIONIST_URL and PROJECTIONIST_TOKEN, then the daemon file, then the default address. The file's token goes to
 * the file's address only: an address from elsewhere may be somebody else's.
 * @throws EngineError DAEMON_UNREACHABLE (the file's daemon is dead), CONFIG_INVALID
 */
export async function findDaemon(options: {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the daemon file is looked for. */
  readonly folder: string;
  readonly isAlive?: (pid: number) => boolean;
}): Promise<DaemonAddress> {
  const { env, folder, isAlive = isRunning } = options;
  const token = env['PROJECTIONIST_TOKEN'] || null;
  const file = await readDaemonFile(folder);
  const given = env['PROJECTIONIST_URL'];
  if (given !== undefined && given !== '') {
    if (!URL.canParse(given) || !/^https?:\/\//.test(given)) {
      throw new EngineError('CONFIG_INVALID', { setting: 'PROJECTIONIST_URL', reason: 'is not an http address' });
    }
    const url = new URL(given).href.replace(/\/+$/, '');
    return { url, token: token ?? (file?.url === url ? file.token : null) };
  }
  if (file === null) return { url: DEFAULT_URL, token };
  // Its port may belong to another program by now, which must not get the token.
  if (!isAlive(file.pid)) throw new EngineError('DAEMON_UNREACHABLE', { url: file.url });
  return { url: file.url, token: token ?? file.token };
}

/** What the daemon answered when it did not do what was asked; the message is its own. */
export class RefusedError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
    this.code = code;
  }
}

/** Everything that `GET /projections` says; `broker` and `publisher` only where the daemon has them. */
export type Fleet = z.output<typeof fleetSchema>;

export interface DaemonClient {
  fleet(signal: AbortSignal): Promise<Fleet>;
  statuses(signal: AbortSignal): Promise<readonly ProjectionStatus[]>;
  status(name: string, signal: AbortSignal): Promise<ProjectionStatus>;
  failures(name: string, signal: AbortSignal): Promise<readonly FailureRecord[]>;
  tryFailed(name: string, signal: AbortSignal): Promise<TryReport>;
  capsule(name: string, signal: AbortSignal): Promise<Capsule>;
  /** Waits for the outcome; a failure is a RefusedError. */
  send(
    name: string,
    command: SentCommand,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<z.output<typeof outcomeSchema>>;
  /** `position`: in decimal digits, or `head`. A RefusedError NOT_APPLIED when it takes longer. */
  wait(name: string, position: string, waitMs: number, signal: AbortSignal): Promise<z.output<typeof appliedSchema>>;
  forget(name: string, signal: AbortSignal): Promise<z.output<typeof forgottenSchema>>;
  /** `position`: in decimal digits. */
  adopt(name: string, position: string, signal: AbortSignal): Promise<z.output<typeof adoptedSchema>>;
  /** Newest first. */
  commands(name: string | undefined, limit: number, signal: AbortSignal): Promise<readonly CommandRecord[]>;
  transitions(name: string, limit: number, signal: AbortSignal): Promise<readonly TransitionRecord[]>;
}

/** What is asked of a projection. */
interface SentCommand {
  readonly type: OperatorEvent;
  /** SKIP: of the event that failed, in decimal digits; and why. */
  readonly position?: string;
  readonly reason?: string;
}

/** Every call is bounded, and throws EngineError DAEMON_UNREACHABLE or RefusedError. */
export function createClient(address: DaemonAddress): DaemonClient {
  const call = caller(address);
  return {
    fleet: (signal) => call('/projections', fleetSchema, {}, signal),
    statuses: async (signal) => (await call('/projections', fleetSchema, {}, signal)).projections,
    status: (name, signal) => call(pathOf(name), projectionSchema, {}, signal),
    send: (name, command, waitMs, signal) =>
      call(`${pathOf(name)}/events?wait=${waitMs}`, outcomeSchema, post(command), signal, waitMs),
    failures: async (name, signal) => (await call(`${pathOf(name)}/failures`, failuresSchema, {}, signal)).failures,
    tryFailed: (name, signal) => call(`${pathOf(name)}/try`, trySchema, post({}), signal, TRY_MS),
    capsule: (name, signal) => call(`${pathOf(name)}/capsule`, capsuleSchema, {}, signal, TRY_MS),
    wait: (name, position, waitMs, signal) =>
      call(`${pathOf(name)}/wait?position=${position}&timeout=${waitMs}`, appliedSchema, {}, signal, waitMs),
    forget: (name, signal) => call(`${pathOf(name)}/forget`, forgottenSchema, post({}), signal),
    adopt: (name, position, signal) => call(`${pathOf(name)}/adopt`, adoptedSchema, post({ position }), signal),
    commands: async (name, limit, signal) => {
      const which = name === undefined ? '' : `&name=${encodeURIComponent(name)}`;
      return (await call(`/commands?limit=${limit}${which}`, commandsSchema, {}, signal)).commands;
    },
    transitions: async (name, limit, signal) =>
      (await call(`${pathOf(name)}/transitions?limit=${limit}`, transitionsSchema, {}, signal)).transitions,
  };
}

/** Asks the daemon at this address, and reads what it answers. */
function caller({ url, token }: DaemonAddress) {
  return async function call<T>(
    path: string,
    answer: z.ZodType<T>,
    init: RequestInit,
    signal: AbortSignal,
    waitMs = 0,
  ): Promise<T> {
    const headers = { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
    let response: Response;
    let body: unknown;
    try {
      const until = { signals: [signal], ms: ANSWER_MS + waitMs };
      [response, body] = await untilAborted(until, async (deadline) => {
        // A redirect would take the token elsewhere.
        const request = { ...init, headers: { ...headers, ...init.headers }, redirect: 'error' as const };
        const answer = await fetch(url + path, { ...request, signal: deadline });
        return [answer, parse(await answer.text())] as const;
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new EngineError('DAEMON_UNREACHABLE', { url }, { cause: error });
    }
    if (!response.ok) throw refusal(response.status, body);
    const parsed = answer.safeParse(body);
    if (!parsed.success)
      throw new RefusedError(
        502,
        'NOT_A_DAEMON',
        `what answers at ${url} is not this version's daemon: check PROJECTIONIST_URL`,
      );
    return parsed.data;
  };
}

function pathOf(name: string): string {
  return `/projections/${encodeURIComponent(name)}`;
}

function post(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function refusal(status: number, body: unknown): RefusedError {
  const told = problemSchema.safeParse(body);
  if (status === 401) {
    return new RefusedError(
      status,
      'TOKEN_WRONG',
      'the daemon wants its token: set PROJECTIONIST_TOKEN to the one it was started with',
    );
  }
  return told.success
    ? new RefusedError(status, told.data.code, told.data.detail)
    : new RefusedError(status, 'NOT_A_DAEMON', `the answer was ${status}: check PROJECTIONIST_URL`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
