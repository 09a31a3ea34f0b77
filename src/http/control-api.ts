import type { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { EngineError } from '../core/errors.ts';
import type { DaemonPort } from '../daemon/api.ts';
import type { Connections } from '../inspect/connections.ts';
import { checkBind } from './bind.ts';
import { commandRoutes } from './command-routes.ts';
import { addDashboard, DASHBOARD } from './dashboard-routes.ts';
import { failureRoutes } from './failure-routes.ts';
import {
  checkHost,
  checkOrigin,
  checkToken,
  type Env,
  type Log,
  refuse,
  requireToken,
  securityHeaders,
  sendProblem,
} from './guards.ts';
import { healthRoutes } from './health-routes.ts';
import { inspectRoutes } from './inspect-routes.ts';
import { inspectUpgrade } from './inspect-upgrade.ts';
import { type Listening, listenOn, type ServerLimits } from './listen.ts';
import { metricsRoutes } from './metrics-routes.ts';
import { addSecuritySchemes, openApi } from './openapi.ts';
import { errorProblem } from './problem.ts';
import { projectionRoutes } from './projection-routes.ts';
import { limitMutations, MUTATIONS, type Rate } from './rate-limit.ts';
import { addRoutes, createApp, type Route } from './route.ts';
import type { RouteGroup } from './route-context.ts';
import { waitRoutes } from './wait-routes.ts';

/** Everything that is answered. A group is a file of its own; add yours here. */
const GROUPS: readonly RouteGroup[] = [
  healthRoutes,
  metricsRoutes,
  projectionRoutes,
  waitRoutes,
  commandRoutes,
  failureRoutes,
];

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
  /** Of one question to the database. Default 10 s. */
  readonly statusTimeoutMs?: number;
  /** Commands under way at once. Default 64. */
  readonly maxCommands?: number;
  /** Of commands from one remote address. Default 200 at once, 20 more each second. */
  readonly rate?: Rate;
  readonly limits?: Partial<ServerLimits>;
  /** Folder of the page and its files, as the build leaves them. Without it `GET /` answers JSON alone. */
  readonly dashboard?: URL;
  /** Those who read along at `/inspect`; closed with the server. Default: there is no such path. */
  readonly inspectors?: Connections;
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
  const { host, port, token, log, allowedHosts = [], rate = MUTATIONS, inspectors, limits = {} } = options;
  checkBind(host, token);
  if (token === '') throw new EngineError('CONFIG_INVALID', { setting: 'PROJECTIONIST_TOKEN', reason: 'is empty' });
  const closing = new AbortController();
  const app = createApp(log);
  const routes = routesOf(options, closing.signal, () => openApi(app, options.version));
  const open = routes.filter((one) => one.open === true).map(({ path }) => path);
  app.use(securityHeaders(), checkHost(host, allowedHosts, log), checkOrigin(log), limitMutations(rate, log));
  // Before the token is asked for: a browser cannot send it with an address, and the page holds no data.
  addDashboard(app, options.dashboard ?? DASHBOARD);
  app.use(checkToken(token, { host, allowedHosts, open }, log));
  addSecuritySchemes(app);
  addRoutes(app, routes, { log, token: requireToken(token, log) });
  if (inspectors !== undefined) closing.signal.addEventListener('abort', () => inspectors.close());
  app.notFound((context) => refuse(context, log, 'NOT_FOUND'));
  app.onError((error, context) => {
    // Hono's reader of bodies throws this for a text that is not JSON. Nothing else in the API throws it.
    if (error instanceof HTTPException) return refuse(context, log, 'BODY_INVALID', 'it is not JSON');
    const answer = errorProblem(error);
    if (answer.id !== undefined) log.error({ err: error, id: answer.id, path: context.req.path }, 'http.error');
    return sendProblem(context, answer);
  });
  const gate = { token, host, allowedHosts, log };
  const upgrades = inspectors === undefined ? {} : { upgrade: inspectUpgrade({ ...gate, connections: inspectors }) };
  return {
    app,
    listen: () => listenOn({ fetch: app.fetch, host, port, log, closing, limits, ...upgrades }),
  };
}

function routesOf(options: ControlApiOptions, closing: AbortSignal, description: () => object): readonly Route[] {
  const { daemon, version, log, statusTimeoutMs = 10_000, maxCommands = 64, inspectors } = options;
  const routeContext = { daemon, version, log, closing, answerTimeoutMs: statusTimeoutMs, maxCommands };
  const groups = inspectors === undefined ? GROUPS : [...GROUPS, inspectRoutes];
  return groups.flatMap((group) => group(routeContext, description));
}
