import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';
import { hostAllowed, isLoopback } from './bind.ts';
import { type Problem, type ProblemCode, problem, SECURITY_HEADERS } from './problem.ts';

export type Env = {
  Bindings: HttpBindings;
  /** Whether whoever asks has shown the token, or needs none to read. */
  Variables: { mayRead?: boolean };
};
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>;

export function securityHeaders(): MiddlewareHandler<Env> {
  return async (context, next) => {
    await next();
    const { headers } = context.res;
    // The dashboard's page and its files bring a policy and a lifetime of their own.
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!headers.has(name)) headers.set(name, value);
  };
}

/** Before routing: an answer of any kind would already tell a rebound page that it has got here. */
export function checkHost(host: string, allowedHosts: readonly string[], log: Log): MiddlewareHandler<Env> {
  return async (context, next) => {
    const port = context.env.incoming.socket.localPort ?? 0;
    if (hostAllowed(context.req.header('host'), { host, port, allowedHosts })) return next();
    return refuse(context, log, 'HOST_REFUSED');
  };
}

/**
 * Reading needs the token only where other machines can reach the server, itself or through a proxy whose name it answers
 * to; sending a command always does. `open`: paths that are answered to anybody who does not show a wrong token.
 */
export function checkToken(
  token: string,
  {
    host,
    allowedHosts,
    open,
  }: { readonly host: string; readonly allowedHosts: readonly string[]; readonly open: readonly string[] },
  log: Log,
): MiddlewareHandler<Env> {
  const readsAreOpen = isLoopback(host) && allowedHosts.length === 0;
  const always = requireToken(token, log);
  return async (context, next) => {
    const { method, path } = context.req;
    if (!isRead(method)) return always(context, next);
    if (readsAreOpen) {
      context.set('mayRead', true);
      return next();
    }
    return open.includes(path) && bearerOf(context) === undefined ? next() : always(context, next);
  };
}

/** Whatever the method and wherever it comes from: for what shows payloads. */
export function requireToken(token: string, log: Log): MiddlewareHandler<Env> {
  const expected = digest(token);
  return async (context, next) => {
    const given = bearerOf(context);
    // Digests, since timingSafeEqual wants equal lengths and the length must not show either.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) {
      context.set('mayRead', true);
      return next();
    }
    context.header('WWW-Authenticate', 'Bearer');
    return refuse(context, log, given === undefined ? 'TOKEN_NEEDED' : 'TOKEN_WRONG');
  };
}

/** A browser says where a request comes from; whoever sends neither header is no browser. */
export function checkOrigin(log: Log): MiddlewareHandler<Env> {
  return async (context, next) => {
    const origin = context.req.header('origin');
    const site = context.req.header('sec-fetch-site');
    const sameOrigin = origin === undefined || hostOf(origin) === context.req.header('host')?.toLowerCase();
    const sameSite = site === undefined || site === 'same-origin' || site === 'none';
    if (isRead(context.req.method) || (sameOrigin && sameSite)) return next();
    return refuse(context, log, 'ORIGIN_REFUSED');
  };
}

/** A form, or a script that avoids the preflight, cannot send this type. */
export function checkJsonType(log: Log): MiddlewareHandler<Env> {
  return async (context, next) => {
    if (!/^application\/json *(;|$)/i.test(context.req.header('content-type') ?? ''))
      return refuse(context, log, 'BODY_NOT_JSON_TYPE');
    // Hono's reader of bodies knows fewer spellings: it does not take a space before the semicolon, which HTTP allows.
    context.req.raw.headers.set('Content-Type', 'application/json');
    return next();
  };
}

/** The path alone is logged: a query could hold a token. */
export function refuse(context: Context<Env>, log: Log, code: ProblemCode, detail?: string): Response {
  const answer = problem(code, detail);
  const { method, path } = context.req;
  log.warn({ code, method, path: path.slice(0, 200), remote: remoteOf(context) }, 'http.refused');
  return sendProblem(context, answer);
}

export function sendProblem(context: Context<Env>, answer: Problem): Response {
  return sendJson(context, answer, answer.status, 'application/problem+json');
}

/** A bigint that got into an answer is written as a decimal string: JSON.stringify would throw. */
export function sendJson(context: Context<Env>, value: unknown, status = 200, type = 'application/json'): Response {
  const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  const headers = new Headers(context.res.headers);
  headers.set('Content-Type', type);
  return new Response(text, { status, headers });
}

export function remoteOf(context: Context<Env>): string {
  return context.env.incoming.socket.remoteAddress ?? 'unknown';
}

function bearerOf(context: Context<Env>): string | undefined {
  return /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
}

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

export function hostOf(origin: string): string | null {
  return URL.canParse(origin) && /^https?:/.test(origin) ? new URL(origin).host : null;
}

export function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
