import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import type { Env } from './guards.ts';
import { type RefusalCode, statusOf } from './problem.ts';
import { problemSchema } from './schemas.ts';

/** The body of an answer: JSON of this schema, text of some other type, or none. */
type AnswerBody = z.ZodType | { readonly contentType: string } | null;

/** A place for the token: the name of a security scheme in `GET /openapi.json`. */
type TokenPlace = 'token' | 'tokenProtocol' | 'tokenInAddress';

export interface Description {
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it: `/projections/{name}`. */
  readonly path: string;
  /** A few words; `description` has the rest, where there is one. */
  readonly summary: string;
  readonly description?: string;
  /** Also on loopback: the answer holds payloads. */
  readonly needsToken?: boolean;
  /** The token is needed also on loopback, in any of these places; the handler checks it. */
  readonly tokenBy?: readonly TokenPlace[];
  /** Needs no token beyond loopback either: the probes of an orchestrator cannot send one. */
  readonly open?: boolean;
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerBody>>;
  /** Refusals of this route, in addition to those of every route. */
  readonly problems: readonly RefusalCode[];
}

/** Refusals of every route. */
const ALWAYS: readonly RefusalCode[] = [
  'HOST_REFUSED',
  'TOKEN_NEEDED',
  'TOKEN_WRONG',
  'INTERNAL',
  'UNAVAILABLE',
  'DAEMON_STARTING',
];
const ON_POST: readonly RefusalCode[] = ['ORIGIN_REFUSED', 'BODY_NOT_JSON_TYPE', 'BODY_TOO_LARGE'];

/** Each place where a token may stand. */
const SECURITY_SCHEMES = {
  token: { type: 'http', scheme: 'bearer' },
  tokenProtocol: {
    type: 'apiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: '`projectionist, projectionist.token.TOKEN`, the token percent-encoded: what a page can send.',
  },
  tokenInAddress: { type: 'apiKey', in: 'query', name: 'token', description: 'From the same machine only.' },
} as const satisfies Readonly<Record<TokenPlace, object>>;

/** The routes of the app as an OpenAPI 3.1 document. */
export function openApi(app: OpenAPIHono<Env>, version: string) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Projectionist',
      version,
      description: 'The control API of a daemon. Positions are decimal strings; errors are application/problem+json.',
    },
    // The security of a GET is needed beyond loopback only.
    security: [{ token: [] }],
  });
}

/** Adds what `securityOf` refers to by name. */
export function addSecuritySchemes(app: OpenAPIHono<Env>): void {
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES))
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
}

export function securityOf({ method, needsToken, tokenBy }: Description): Pick<RouteConfig, 'security'> {
  if (tokenBy !== undefined) return { security: tokenBy.map((place) => ({ [place]: [] })) };
  return method === 'GET' && needsToken !== true ? { security: [{}, { token: [] }] } : {};
}

/** The codes of a status stand in its description: callers decide by them. */
export function responsesOf(
  { method, answers, problems }: Description,
  inputProblems: readonly RefusalCode[],
): RouteConfig['responses'] {
  const codes = [...ALWAYS, ...(method === 'POST' ? ON_POST : []), ...inputProblems, ...problems];
  const statuses = new Map<number, RefusalCode[]>();
  for (const code of codes) statuses.set(statusOf(code), [...(statuses.get(statusOf(code)) ?? []), code]);
  const refusals = [...statuses].map(([status, ofStatus]) => [
    status,
    { description: ofStatus.join(', '), content: { 'application/problem+json': { schema: problemSchema } } },
  ]);
  const asked = Object.entries(answers).map(([status, body]) => [
    status,
    { description: Number(status) < 400 ? 'as asked' : 'not now', ...contentOf(body) },
  ]);
  return Object.fromEntries([...refusals, ...asked]);
}

function contentOf(body: AnswerBody): object {
  if (body === null) return {};
  return { content: 'contentType' in body ? { [body.contentType]: {} } : { 'application/json': { schema: body } } };
}
