import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { orAborted } from '../core/deadline.ts';
import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { OPERATOR_EVENTS, type ProjectionStatus } from '../core/status.ts';
import type { DaemonPort } from '../engine/daemon-port.ts';
import { checkBind } from './bind.ts';
import { type Commands, createCommands } from './commands.ts';
import { addDashboard, DASHBOARD } from './dashboard-routes.ts';
import {
  checkHost,
  checkJsonType,
  checkOrigin,
  checkToken,
  type Env,
  type Log,
  refuse,
  remoteOf,
  securityHeaders,
  sendJson,
  sendProblem,
} from './guards.ts';
import { type Listening, listenOn, type ServerLimits } from './listen.ts';
import { errorProblem, outcomeProblem } from './problem.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WAIT_MS = 600_000;

export interface ControlApiOptions {
  readonly daemon: DaemonPort;
  /** What callers must send. On loopback a random one will do. */
  readonly token: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Names, in lower case, that a request's Host may have beside the address. Default none. */
  readonly allowedHosts?: readonly string[];
  readonly version: string;
  readonly log: Log;
  /** Of a `status()` that an answer waits for. Default 10 s. */
  readonly statusTimeoutMs?: number;
  /** Commands under way at once. Default 64. */
  readonly maxCommands?: number;
  readonly limits?: Partial<ServerLimits>;
  /** Folder of the page and its files, as the build leaves them. Without it `GET /` answers JSON alone. */
  readonly dashboard?: URL;
}

export interface ControlApi {
  readonly app: Hono<Env>;
  /** @throws EngineError PORT_IN_USE, CONFIG_INVALID (an address this machine does not have) */
  listen(): Promise<Listening>;
}

/**
 * The control API: what `docs/reference` calls HTTP. It answers nothing until `listen`.
 * @throws EngineError BIND_NEEDS_TOKEN (an empty token beyond loopback)
 */
export function createControlApi(options: ControlApiOptions): ControlApi {
  const { host, port, token, log, allowedHosts = [] } = options;
  checkBind(host, token);
  if (token === '') throw new EngineError('CONFIG_INVALID', { setting: 'PROJECTIONIST_TOKEN', reason: 'is empty' });
  const closing = new AbortController();
  const app = new Hono<Env>();
  app.use(securityHeaders(), checkHost(host, allowedHosts, log), checkOrigin(log));
  // Before the token is asked for: a browser cannot send it with an address, and the page holds no data.
  addDashboard(app, options.dashboard ?? DASHBOARD);
  app.use(checkToken(token, { host, allowedHosts }, log));
  addReads(app, options, closing.signal);
  addCommands(app, options, closing.signal);
  app.notFound((context) => refuse(context, log, 'NOT_FOUND'));
  app.onError((error, context) => {
    const answer = errorProblem(error);
    if (answer.id !== undefined) log.error({ err: error, id: answer.id, path: context.req.path }, 'http.error');
    return sendProblem(context, answer);
  });
  return {
    app,
    listen: () => listenOn({ fetch: app.fetch, host, port, log, closing, limits: options.limits ?? {} }),
  };
}

function addReads(app: Hono<Env>, options: ControlApiOptions, closing: AbortSignal): void {
  const { daemon, version, log, statusTimeoutMs = 10_000 } = options;
  const statuses = async (): Promise<readonly ProjectionStatus[]> => {
    const deadline = AbortSignal.any([closing, AbortSignal.timeout(statusTimeoutMs)]);
    return orAborted(daemon.status(), deadline);
  };
  const publisher = () =>
    orAborted(daemon.publisher(), AbortSignal.any([closing, AbortSignal.timeout(statusTimeoutMs)]));
  app.get('/', (context) =>
    sendJson(context, {
      name: 'projectionist',
      version,
      daemon: daemon.id,
      links: { health: '/healthz', projections: '/projections', projection: '/projections/{name}' },
    }),
  );
  app.get('/healthz', (context) =>
    daemon.healthy() ? sendJson(context, { status: 'ok' }) : sendJson(context, { status: 'unavailable' }, 503),
  );
  // Without its broker a daemon polls, and misses nothing: nobody should take it out of service for that.
  app.get('/readyz', (context) => {
    if (!daemon.healthy()) return sendJson(context, { status: 'unavailable' }, 503);
    const broker = daemon.broker();
    if (broker === null || broker.state === 'healthy') return sendJson(context, { status: 'ready' });
    return sendJson(context, { status: 'degraded', broker });
  });
  app.get('/projections', async (context) => {
    const broker = daemon.broker();
    const [projections, published] = await Promise.all([statuses(), publisher()]);
    const beside = { ...(broker === null ? {} : { broker }), ...(published === null ? {} : { publisher: published }) };
    return sendJson(context, { projections, ...beside });
  });
  app.get('/projections/:name', async (context) => {
    const name = context.req.param('name');
    const all = await statuses();
    const instance = context.req.query('instance') ?? '';
    const found = all.find((status) => status.name === name && status.instance === instance);
    if (found === undefined)
      throw unknownProjection(
        name,
        all.map((status) => status.name),
      );
    return sendJson(context, found);
  });
  for (const path of ['/', '/healthz', '/readyz', '/projections', '/projections/:name']) {
    app.all(path, (context) => {
      context.header('Allow', 'GET, HEAD');
      return refuse(context, log, 'METHOD_NOT_ALLOWED');
    });
  }
}

function addCommands(app: Hono<Env>, options: ControlApiOptions, closing: AbortSignal): void {
  const { daemon, log, maxCommands = 64 } = options;
  const path = '/projections/:name/events';
  const commands: Commands = createCommands({ daemon, log, closing, maxUnderWay: maxCommands });
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => refuse(context, log, 'BODY_TOO_LARGE'),
  });
  app.post(path, checkJsonType(log), limit, async (context) => {
    const waitMs = parseWait(context.req.query('wait'));
    if (waitMs === null) return refuse(context, log, 'WAIT_INVALID');
    const body = parseBody(await context.req.text());
    if (!body.success) return refuse(context, log, 'BODY_INVALID', body.reason);
    const name = context.req.param('name');
    if (name === PUBLISHER_NAME) throw new EngineError('PUBLISHER_TAKES_NO_COMMANDS', { event: body.type });
    if (!daemon.names.includes(name)) throw unknownProjection(name, daemon.names);
    const sent = await commands.send(name, body.type, { waitMs, remote: remoteOf(context) });
    if (sent === null) {
      context.header('Retry-After', '1');
      return refuse(context, log, 'BUSY');
    }
    const accepted = { id: sent.id, projection: name, event: body.type };
    if (waitMs === 0) return sendJson(context, accepted, 202);
    const outcome = await outcomeWithin(sent.outcome, waitMs, accepted);
    return outcome.kind === 'done'
      ? sendJson(context, { ...accepted, ...outcome })
      : sendProblem(context, outcomeProblem(outcome));
  });
  app.all(path, (context) => {
    context.header('Allow', 'POST');
    return refuse(context, log, 'METHOD_NOT_ALLOWED');
  });
}

/** The command goes on when the time is up; only the answer no longer waits for it. */
async function outcomeWithin<T>(
  outcome: Promise<T>,
  waitMs: number,
  { projection, event }: { readonly projection: string; readonly event: string },
): Promise<T> {
  const deadline = AbortSignal.timeout(waitMs);
  try {
    return await orAborted(outcome, deadline);
  } catch (error) {
    if (error !== deadline.reason || !deadline.aborted) throw error;
    throw new EngineError('COMMAND_TIMEOUT', { name: projection, event, ms: waitMs, state: 'still at work' });
  }
}

const bodySchema = z.strictObject({
  type: z.enum(OPERATOR_EVENTS, { error: `is not one of ${OPERATOR_EVENTS.join(', ')}` }),
});

function parseBody(text: string) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { success: false, reason: 'it is not JSON' } as const;
  }
  const parsed = bodySchema.safeParse(json);
  if (parsed.success) return { success: true, type: parsed.data.type } as const;
  const issue = parsed.error.issues[0];
  return { success: false, reason: `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() } as const;
}

/** Milliseconds; 0 is not to wait; null is not a time. */
function parseWait(text: string | undefined): number | null {
  if (text === undefined) return 0;
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return ms <= MAX_WAIT_MS ? ms : null;
}

function unknownProjection(name: string, known: readonly string[]): EngineError {
  return new EngineError('PROJECTION_UNKNOWN', { name: name.slice(0, 80), known: [...new Set(known)].join(', ') });
}
