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
/** Milliseconds for an answer, in addition to the time that the request asks the daemon to wait. */
const ANSWER_MS = 15_000;
/** Milliseconds that a dry run or a failure snapshot may take in the daemon. */
const DRY_RUN_MS = 45_000;

export interface DaemonAddress {
  readonly url: string;
  /** Null: no token is known. Reading on loopback needs none. */
  readonly token: string | null;
}

/**
 * PROJECTIONIST_URL and PROJECTIONIST_TOKEN, then the daemon file, then the default address. The file's token is sent to
 * the file's address only: another address may belong to another program.
 * @throws EngineError DAEMON_UNREACHABLE (the file's daemon is dead), CONFIG_INVALID
 */
export async function findDaemon(options: {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the daemon file. */
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
  // Another program may have the port by now. It must not get the token.
  if (!isAlive(file.pid)) throw new EngineError('DAEMON_UNREACHABLE', { url: file.url });
  return { url: file.url, token: token ?? file.token };
}

/** The daemon refused a request. The message is the daemon's. */
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

/** The answer of `GET /projections`; `broker` and `publisher` are absent where the daemon has none. */
export type Fleet = z.output<typeof fleetSchema>;

export interface DaemonClient {
  fleet(signal: AbortSignal): Promise<Fleet>;
  statuses(signal: AbortSignal): Promise<readonly ProjectionStatus[]>;
  status(name: string, signal: AbortSignal): Promise<ProjectionStatus>;
  failures(name: string, signal: AbortSignal): Promise<readonly FailureRecord[]>;
  tryFailed(name: string, signal: AbortSignal): Promise<TryReport>;
  capsule(name: string, signal: AbortSignal): Promise<Capsule>;
  /** Waits for the outcome. @throws RefusedError when the command failed */
  send(
    name: string,
    command: SentCommand,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<z.output<typeof outcomeSchema>>;
  /** `position`: decimal digits, or `head`. @throws RefusedError NOT_APPLIED when it takes longer than `waitMs` */
  wait(name: string, position: string, waitMs: number, signal: AbortSignal): Promise<z.output<typeof appliedSchema>>;
  forget(name: string, signal: AbortSignal): Promise<z.output<typeof forgottenSchema>>;
  /** `position`: decimal digits. */
  adopt(name: string, position: string, signal: AbortSignal): Promise<z.output<typeof adoptedSchema>>;
  /** Newest first. */
  commands(name: string | undefined, limit: number, signal: AbortSignal): Promise<readonly CommandRecord[]>;
  transitions(name: string, limit: number, signal: AbortSignal): Promise<readonly TransitionRecord[]>;
}

/** A command for a projection. */
interface SentCommand {
  readonly type: OperatorEvent;
  /** SKIP: position of the failed event, in decimal digits. */
  readonly position?: string;
  /** SKIP: why, for the record. */
  readonly reason?: string;
}

/** Every call is bounded in time, and throws EngineError DAEMON_UNREACHABLE or RefusedError. */
export function createClient(address: DaemonAddress): DaemonClient {
  const call = caller(address);
  return {
    fleet: (signal) => call('/projections', fleetSchema, {}, signal),
    statuses: async (signal) => (await call('/projections', fleetSchema, {}, signal)).projections,
    status: (name, signal) => call(pathOf(name), projectionSchema, {}, signal),
    send: (name, command, waitMs, signal) =>
      call(`${pathOf(name)}/events?wait=${waitMs}`, outcomeSchema, post(command), signal, waitMs),
    failures: async (name, signal) => (await call(`${pathOf(name)}/failures`, failuresSchema, {}, signal)).failures,
    tryFailed: (name, signal) => call(`${pathOf(name)}/try`, trySchema, post({}), signal, DRY_RUN_MS),
    capsule: (name, signal) => call(`${pathOf(name)}/capsule`, capsuleSchema, {}, signal, DRY_RUN_MS),
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

/** Sends requests to the daemon at this address, and checks the answers. */
function caller({ url, token }: DaemonAddress) {
  return async function call<T>(
    path: string,
    schema: z.ZodType<T>,
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
        // A redirect would send the token to another address.
        const request = { ...init, headers: { ...headers, ...init.headers }, redirect: 'error' as const };
        const answer = await fetch(url + path, { ...request, signal: deadline });
        return [answer, parseJson(await answer.text())] as const;
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new EngineError('DAEMON_UNREACHABLE', { url }, { cause: error });
    }
    if (!response.ok) throw refusalOf(response.status, body);
    const parsed = schema.safeParse(body);
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

/** The error for an answer that is not 2xx; `body` is a problem of the control API, or anything else. */
export function refusalOf(status: number, body: unknown): RefusedError {
  if (status === 401) {
    return new RefusedError(
      status,
      'TOKEN_WRONG',
      'the daemon requires its token: set PROJECTIONIST_TOKEN to the one it was started with',
    );
  }
  const problem = problemSchema.safeParse(body);
  return problem.success
    ? new RefusedError(status, problem.data.code, problem.data.detail)
    : new RefusedError(status, 'NOT_A_DAEMON', `the answer was ${status}: check PROJECTIONIST_URL`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
