import { createRoute, OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { checkJsonType, type Env, type Log, refuse } from './guards.ts';
import { type Description, responsesOf, securityOf } from './openapi.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** A route as `addRoutes` registers it: what `GET /openapi.json` says of it, what is checked, and its handler. */
export interface Route extends Description {
  readonly config: RouteConfig;
  /** As Hono writes it: `/projections/:name`. */
  readonly routingPath: string;
  answer(context: Context<Env>): Response | Promise<Response>;
}

interface Input<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> {
  readonly context: Context<Env>;
  readonly query: z.output<Q>;
  readonly headers: z.output<H>;
  readonly body: z.output<B>;
}

interface Definition<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> extends Description {
  /** Each a text; parameters without a schema are ignored. */
  readonly query?: Q;
  /** Names in lower case. */
  readonly headers?: H;
  readonly body?: B;
  readonly handle: (input: Input<Q, H, B>) => Response | Promise<Response>;
}

/** A route whose handler gets checked input: a request that does not fit is refused before, with the reason. */
export function route<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType>(
  definition: Definition<Q, H, B>,
): Route {
  const { query, headers, body, handle, ...described } = definition;
  // Every parameter of the path is a text; a projection that is not declared is the handler's to refuse.
  const names = [...described.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const config = createRoute({
    method: described.method === 'GET' ? 'get' : 'post',
    path: described.path,
    summary: described.summary,
    ...(described.description !== undefined && { description: described.description }),
    ...securityOf(described),
    parameters: [],
    request: {
      params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
      ...(query !== undefined && { query }),
      ...(headers !== undefined && { headers }),
      ...(body !== undefined && { body: { required: true, content: { 'application/json': { schema: body } } } }),
    },
    responses: responsesOf(described, [
      ...(query === undefined ? [] : (['QUERY_INVALID'] as const)),
      ...(headers === undefined ? [] : (['HEADER_INVALID'] as const)),
      ...(body === undefined ? [] : (['BODY_INVALID'] as const)),
    ]),
  });
  return {
    ...described,
    config,
    routingPath: config.getRoutingPath(),
    answer(context) {
      // Typed as never: the schemas of the configuration are not known to the type of this context.
      const valid = (target: string): unknown => context.req.valid(target as never);
      return handle({ context, query: valid('query'), headers: valid('header'), body: valid('json') } as Input<
        Q,
        H,
        B
      >);
    },
  };
}

const CODE_OF = { query: 'QUERY_INVALID', header: 'HEADER_INVALID', json: 'BODY_INVALID' } as const;

/** An application that refuses what does not fit a schema with the first reason. */
export function createApp(log: Log): OpenAPIHono<Env> {
  return new OpenAPIHono<Env>({
    defaultHook: (result, context) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const reason = `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
      return refuse(context, log, CODE_OF[result.target as keyof typeof CODE_OF] ?? 'QUERY_INVALID', reason);
    },
  });
}

/** Registers the routes, and has every other method on their paths refused. */
export function addRoutes(
  app: OpenAPIHono<Env>,
  routes: readonly Route[],
  { log, token }: { readonly log: Log; readonly token: MiddlewareHandler<Env> },
): void {
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => refuse(context, log, 'BODY_TOO_LARGE'),
  });
  // Ignored, the parameter would seem to have selected one tenant, where all are meant.
  const refuseInstance: MiddlewareHandler<Env> = async (context, next) =>
    context.req.query('instance') === undefined
      ? next()
      : refuse(context, log, 'QUERY_INVALID', 'instance: no projection is per instance yet');
  for (const one of routes) {
    const middleware = [
      ...(one.needsToken === true ? [token] : []),
      ...(one.method === 'GET' ? [] : [checkJsonType(log), limit]),
      refuseInstance,
    ];
    app.openapi({ ...one.config, middleware }, (context) => one.answer(context as unknown as Context<Env>));
  }
  for (const path of new Set(routes.map(({ routingPath }) => routingPath))) {
    const methods = routes.filter(({ routingPath }) => routingPath === path).map(({ method }) => method);
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method)).join(', ');
    app.all(path, (context) => {
      context.header('Allow', allow);
      return refuse(context, log, 'METHOD_NOT_ALLOWED');
    });
  }
}
