import { z } from 'zod';
import { type RefusalCode, statusOf } from './problem.ts';
import type { Route, TokenPlace } from './route.ts';
import { answerSchemas, problemSchema } from './schemas.ts';

/** What any route can answer, whatever is asked. */
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
const SECURITY_SCHEMES: Readonly<Record<TokenPlace, Json>> = {
  token: { type: 'http', scheme: 'bearer' },
  tokenProtocol: {
    type: 'apiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: '`projectionist, projectionist.token.TOKEN`, the token percent-encoded: what a page can send.',
  },
  tokenInAddress: { type: 'apiKey', in: 'query', name: 'token', description: 'From the same machine only.' },
};

type Json = Readonly<Record<string, unknown>>;

/** The routes as an OpenAPI 3.1 document, made from what answers them. */
export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of routes) {
    const path = one.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operation(one) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Projectionist',
      version,
      description: 'The control API of a daemon. Positions are decimal strings; errors are application/problem+json.',
    },
    // The security of a GET is needed beyond loopback only.
    security: [{ token: [] }],
    paths,
    components: {
      schemas: namedSchemas(),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operation(one: Route): Json {
  const parameters = [
    ...[...one.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...parametersOf(one.query, 'query'),
    ...parametersOf(one.headers, 'header'),
  ];
  return {
    summary: one.summary,
    ...(one.description !== undefined && { description: one.description }),
    ...securityOf(one),
    parameters,
    ...(one.body !== null && {
      requestBody: { required: true, content: { 'application/json': { schema: inline(one.body) } } },
    }),
    responses: { ...problemsOf(one), ...answersOf(one) },
  };
}

function securityOf({ method, needsToken, tokenBy }: Route): Json {
  if (tokenBy !== undefined) return { security: tokenBy.map((place) => ({ [place]: [] })) };
  return method === 'GET' && needsToken !== true ? { security: [{}, { token: [] }] } : {};
}

function parametersOf(schema: z.ZodObject | null, place: 'query' | 'header'): readonly Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, each]) => ({
    name,
    in: place,
    required: !z.safeParse(each, undefined).success,
    schema: inline(each as z.ZodType),
  }));
}

function answersOf({ answers }: Route): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, body]) => [
      status,
      { description: Number(status) < 400 ? 'as asked' : 'not now', ...contentOf(body) },
    ]),
  );
}

function contentOf(body: Route['answers'][number]): Json {
  if (body === null) return {};
  return {
    content: 'contentType' in body ? { [body.contentType]: {} } : { 'application/json': { schema: schemaOf(body) } },
  };
}

/** The codes of a status stand in its description: they are what a caller decides by. */
function problemsOf(one: Route): Json {
  const codes = [...ALWAYS, ...(one.method === 'POST' ? ON_POST : []), ...inputProblems(one), ...one.problems];
  const statuses = new Map<number, RefusalCode[]>();
  for (const code of codes) statuses.set(statusOf(code), [...(statuses.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...statuses].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.join(', '),
        content: { 'application/problem+json': { schema: schemaOf(problemSchema) } },
      },
    ]),
  );
}

function inputProblems({ query, headers, body }: Route): readonly RefusalCode[] {
  return [
    ...(query === null ? [] : (['QUERY_INVALID'] as const)),
    ...(headers === null ? [] : (['HEADER_INVALID'] as const)),
    ...(body === null ? [] : (['BODY_INVALID'] as const)),
  ];
}

const refOf = (id: string): string => `#/components/schemas/${id}`;

function schemaOf(schema: z.ZodType): Json {
  const id = answerSchemas.get(schema)?.id;
  return id === undefined ? inline(schema) : { $ref: refOf(id) };
}

function inline(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

/** Without their `$id`: it would move the base that the references are read against. */
function namedSchemas(): Json {
  const { schemas } = z.toJSONSchema(answerSchemas, { uri: refOf, io: 'output' });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema: _, $id: __, ...rest }]) => [id, rest]));
}
