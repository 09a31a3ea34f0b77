import type { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import type { ProjectionStatus } from '../core/status.ts';
import { fleetSchema, outcomeSchema, problemSchema, projectionSchema } from '../http/schemas.ts';
import { isRunning, readDaemonFile } from './daemon-file.ts';

export const DEFAULT_URL = 'http://127.0.0.1:4400';
/** What an operator may send. A daemon that does not know one of them says so itself. */
export const SENDABLE = ['RESET', 'REBUILD', 'PAUSE', 'RESUME', 'RETRY', 'SKIP'] as const;
export type Sendable = (typeof SENDABLE)[number];

/** Of an answer, beyond the time the daemon was asked to wait itself. */
const ANSWER_MS = 15_000;

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
  /** Waits for the outcome; a failure is a RefusedError. */
  send(name: string, event: Sendable, waitMs: number, signal: AbortSignal): Promise<z.output<typeof outcomeSchema>>;
}

/** Every call is bounded, and throws EngineError DAEMON_UNREACHABLE or RefusedError. */
export function createClient({ url, token }: DaemonAddress): DaemonClient {
  async function call<T>(
    path: string,
    answer: z.ZodType<T>,
    init: RequestInit,
    signal: AbortSignal,
    waitMs = 0,
  ): Promise<T> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS + waitMs)]);
    const headers = { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
    let response: Response;
    let body: unknown;
    try {
      // A redirect would take the token elsewhere.
      response = await fetch(url + path, {
        ...init,
        headers: { ...headers, ...init.headers },
        redirect: 'error',
        signal: deadline,
      });
      body = parse(await response.text());
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
  }
  return {
    fleet: (signal) => call('/projections', fleetSchema, {}, signal),
    statuses: async (signal) => (await call('/projections', fleetSchema, {}, signal)).projections,
    status: (name, signal) => call(`/projections/${encodeURIComponent(name)}`, projectionSchema, {}, signal),
    send: (name, event, waitMs, signal) => {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: event }),
      };
      return call(
        `/projections/${encodeURIComponent(name)}/events?wait=${waitMs}`,
        outcomeSchema,
        init,
        signal,
        waitMs,
      );
    },
  };
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
