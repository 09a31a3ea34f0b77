import type { Context, Hono, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { POSITION_PATTERN, parsePosition, positionOrNull } from '../core/position.ts';
import { checkJsonType, type Env, type Log, refuse } from './guards.ts';
import type { RefusalCode } from './problem.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** What an answer is made of: JSON of this schema, text of some other type, or nothing. */
type AnswerBody = z.ZodType | { readonly contentType: string } | null;

/** Where the token may stand: names of security schemes in `GET /openapi.json`. */
export type TokenPlace = 'token' | 'tokenProtocol' | 'tokenInAddress';

interface Description {
  readonly method: 'GET' | 'POST';
  /** As hono writes it: `/projections/:name`. */
  readonly path: string;
  /** A few words; `description` has the rest, where there is one. */
  readonly summary: string;
  readonly description?: string;
  /** On loopback too: what is answered holds payloads. */
  readonly needsToken?: boolean;
  /** The token is needed on loopback too, in any of these; whoever answers looks at it. */
  readonly tokenBy?: readonly TokenPlace[];
  /** Beyond loopback too, to whoever shows no token: what probes an orchestrator sends cannot hold one. */
  readonly open?: boolean;
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerBody>>;
  /** What it refuses beside what every route does. */
  readonly problems: readonly RefusalCode[];
}

/** One route: what answers it, and what `GET /openapi.json` says of it. */
export interface Route extends Description {
  readonly query: z.ZodObject | null;
  readonly headers: z.ZodObject | null;
  readonly body: z.ZodType | null;
  answer(context: Context<Env>, log: Log): Promise<Response>;
}

interface Input<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> {
  readonly context: Context<Env>;
  readonly query: z.output<Q>;
  readonly headers: z.output<H>;
  readonly body: z.output<B>;
}

interface Definition<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> extends Description {
  /** Each a text in the query; what is not named here is passed over. */
  readonly query?: Q;
  /** Names in lower case. */
  readonly headers?: H;
  readonly body?: B;
  readonly handle: (input: Input<Q, H, B>) => Response | Promise<Response>;
}

/** A route whose handler gets what was asked already checked: it is refused before, in words. */
export function route<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType>(
  definition: Definition<Q, H, B>,
): Route {
  const { query = null, headers = null, body = null, handle, ...description } = definition;
  return {
    ...description,
    query,
    headers,
    body,
    async answer(context, log) {
      // Passed over, it would look as if one tenant had been asked for, where all are meant.
      if (context.req.query('instance') !== undefined) {
        return refuse(context, log, 'QUERY_INVALID', 'instance: no projection is per instance yet');
      }
      const asked = check(query, context.req.query());
      if (!asked.success) return refuse(context, log, 'QUERY_INVALID', asked.reason);
      const told = check(headers, context.req.header());
      if (!told.success) return refuse(context, log, 'HEADER_INVALID', told.reason);
      const sent = body === null ? NOTHING : checkText(body, await context.req.text());
      if (!sent.success) return refuse(context, log, 'BODY_INVALID', sent.reason);
      return await handle({ context, query: asked.data, headers: told.data, body: sent.data } as Input<Q, H, B>);
    },
  };
}

/** Registers the routes, and has every other method on their paths refused. */
export function addRoutes(
  app: Hono<Env>,
  routes: readonly Route[],
  { log, token }: { readonly log: Log; readonly token: MiddlewareHandler<Env> },
): void {
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (context) => refuse(context, log, 'BODY_TOO_LARGE'),
  });
  for (const one of routes) {
    if (one.needsToken === true) app.use(one.path, token);
    if (one.method === 'GET') app.get(one.path, (context) => one.answer(context, log));
    else app.post(one.path, checkJsonType(log), limit, (context) => one.answer(context, log));
  }
  for (const path of new Set(routes.map((one) => one.path))) {
    const methods = routes.filter((one) => one.path === path).map(({ method }) => method);
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method)).join(', ');
    app.all(path, (context) => {
      context.header('Allow', allow);
      return refuse(context, log, 'METHOD_NOT_ALLOWED');
    });
  }
}

type Checked =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly reason: string };

const NOTHING: Checked = { success: true, data: {} };

function check(schema: z.ZodType | null, value: unknown): Checked {
  if (schema === null) return NOTHING;
  const parsed = schema.safeParse(value);
  if (parsed.success) return { success: true, data: parsed.data };
  const issue = parsed.error.issues[0];
  return { success: false, reason: `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() };
}

function checkText(schema: z.ZodType, text: string): Checked {
  try {
    return check(schema, JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return { success: false, reason: 'it is not JSON' };
    throw error;
  }
}

/** A number in a query. `what` is told where it is none: `is a whole number …`. */
export function wholeNumber(max: number, what: string) {
  const isOne = (text: string): boolean => /^\d{1,9}$/.test(text) && Number(text) <= max;
  return z
    .string({ error: what })
    .refine(isOne, { error: what })
    .transform(Number)
    .meta({ pattern: '^\\d{1,9}$', description: what });
}

/** A position of an event: a decimal string outside, a bigint inside. */
export function position(what: string) {
  const error = 'is a position, in decimal digits';
  return z
    .string({ error })
    .refine((text) => positionOrNull(text) !== null, { error })
    .transform(parsePosition)
    .meta({ pattern: POSITION_PATTERN, description: what });
}
