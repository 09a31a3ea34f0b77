import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createControlApi } from '../../src/http/control-api.ts';
import { openConnections } from '../../src/inspect/connections.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { capsule, failedEvent, tryReport } from '../support/failed-event.ts';
import { FakeDaemon, publisherStatus, statusOf } from './fake-daemon.ts';
import { handshake } from './handshake.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

type Node = Readonly<Record<string, unknown>>;
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { responses: Readonly<Record<string, Node>> }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Node>> };
}

let daemon: FakeDaemon;
let url: string;
let description: Description;
let registered: readonly string[];

beforeEach(async () => {
  daemon = new FakeDaemon();
  const own = { daemon, token: 't0ken', host: '127.0.0.1', port: 0, version: '1.2.3', log: LOG };
  const api = createControlApi({ ...own, inspectors: openConnections(new Hub(), { clients: 1 }) });
  registered = api.app.routes
    .filter(({ method, path }) => METHODS.includes(method.toLowerCase()) && !path.includes('*'))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const server = await api.listen();
  onTestFinished(() => server.close(0));
  url = server.url;
  description = (await (await fetch(`${url}/openapi.json`)).json()) as Description;
});

// Seen red with: a route put into the app beside the table; one left out of `paths`.
it('describes every route that is there, and no other', () => {
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.length).toBeGreaterThan(5);
  expect([...new Set(described)].sort()).toEqual([...new Set(registered)].sort());
});

it('is whole: references lead somewhere, parameters of paths are declared, every route says what it answers', () => {
  expect(description).toMatchObject({ openapi: '3.1.0', info: { title: 'Projectionist', version: '1.2.3' } });
  for (const [, id = ''] of JSON.stringify(description).matchAll(/"\$ref":"([^"]*)"/g)) {
    expect(id).toMatch(/^#\/components\/schemas\/\w+$/);
    expect(description.components.schemas).toHaveProperty(id.split('/').at(-1) ?? '');
  }
  for (const [path, methods] of Object.entries(description.paths)) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const operation of Object.values(methods)) {
      expect(operation).toMatchObject({ summary: expect.stringMatching(/^[A-Z]/) });
      expect(operation).toHaveProperty('parameters');
      const parameters = Reflect.get(operation, 'parameters') as { in: string; name: string }[];
      expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(names);
      expect(Object.keys(operation.responses).some((status) => /^2|^101$/.test(status))).toBe(true);
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '421', '500']));
    }
  }
});

/** Every schema of the description, with the path to it. */
function schemasIn(node: unknown, path = ''): readonly (readonly [path: string, schema: Node])[] {
  if (typeof node !== 'object' || node === null) return [];
  return [[path, node as Node], ...Object.entries(node).flatMap(([key, each]) => schemasIn(each, `${path}/${key}`))];
}

// Seen red with: `nullable()` of the named schema of a failure.
it('says where null is allowed at the use of a schema, never in a schema that has a name', () => {
  const named = Object.entries(description.components.schemas);
  expect(named.length).toBeGreaterThan(15);
  for (const [name, { type }] of named) expect([name, type]).toEqual([name, 'object']);
});

// Seen red with: `pattern` of the Idempotency-Key left to the generator, which printed the flag.
it('gives patterns that the values they describe match', () => {
  const patterns = schemasIn(description).flatMap(([path, { pattern }]) =>
    typeof pattern === 'string' ? [[path, new RegExp(pattern)] as const] : [],
  );
  const examples = ['42', '00000000-0000-4000-8000-000000000001'];
  expect(patterns.length).toBeGreaterThan(5);
  for (const [path, pattern] of patterns)
    expect([path, examples.some((example) => pattern.test(example))]).toEqual([path, true]);
});

/** The served schema of an answer, with what it refers to. */
function schemaOf(path: string, method: string, status: number, type: string): Node | null {
  const content = description.paths[path]?.[method]?.responses[String(status)]?.['content'] as Record<string, Node>;
  const schema = content?.[type]?.['schema'] as Node | undefined;
  if (schema === undefined) return null;
  const text = JSON.stringify({ ...schema, $defs: description.components.schemas });
  return JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as Node;
}

/** Fields of an answer that its schema says nothing of. */
function undescribed(value: unknown, schema: Node, all: Node, place = ''): readonly string[] {
  const { $ref, anyOf, properties, items } = schema as Record<string, never>;
  if ($ref !== undefined) return undescribed(value, all[String($ref).split('/').at(-1) ?? ''] as Node, all, place);
  if (anyOf !== undefined) return value === null ? [] : undescribed(value, anyOf[0], all, place);
  if (Array.isArray(value)) return value.flatMap((each, at) => undescribed(each, items ?? {}, all, `${place}[${at}]`));
  if (typeof value !== 'object' || value === null || properties === undefined) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const property = properties[key] as Node | undefined;
    return property === undefined ? [`${place}.${key}`] : undescribed(each, property, all, `${place}.${key}`);
  });
}

interface Ask {
  readonly path: string;
  readonly at?: string;
  readonly status: number;
  readonly send?: unknown;
  readonly when?: () => unknown;
}

const AT = '2026-01-01T00:00:00Z';
const ID = '00000000-0000-4000-8000-000000000001';

const failure = {
  eventId: 'e',
  position: '43',
  eventName: 'BandCreated',
  attempts: 6,
  error: 'no',
  sqlstate: null,
  code: null,
  statement: null,
  at: '2026-01-01T00:00:00Z',
};

const ASKS: readonly Ask[] = [
  { path: '/', status: 200 },
  { path: '/token', status: 200 },
  { path: '/healthz', status: 200 },
  { path: '/readyz', status: 200 },
  {
    path: '/readyz',
    status: 503,
    when: () => {
      daemon.isReady = false;
    },
  },
  {
    path: '/healthz',
    status: 503,
    when: () => {
      daemon.stalled = [{ name: 'band', seconds: 61 }];
    },
  },
  {
    path: '/readyz',
    status: 200,
    when: () => {
      daemon.brokerStatus = { state: 'polling-only', detail: 'away' };
    },
  },
  {
    path: '/projections',
    status: 200,
    when: () => {
      daemon.brokerStatus = { state: 'healthy', detail: null };
      daemon.published = publisherStatus;
      daemon.statuses = [statusOf('band', { state: 'failed', failure }), statusOf('event', { lagSeconds: null })];
    },
  },
  { path: '/projections/{name}', at: '/projections/band', status: 200 },
  { path: '/projections/{name}', at: '/projections/nope', status: 404 },
  { path: '/projections/{name}/transitions', at: '/projections/nope/transitions', status: 404 },
  {
    path: '/projections/{name}/transitions',
    at: '/projections/band/transitions?limit=5&before=9',
    status: 200,
    when: () => {
      const change = { from: 'live.waiting', to: 'failed.halted', cause: 'xstate.done', detail: null };
      daemon.history = [{ number: '7', name: 'band', ...change, position: '42', daemon: 'd', at: AT }];
    },
  },
  { path: '/projections/{name}/forget', at: '/projections/gone/forget', status: 200, send: {} },
  { path: '/projections/{name}/adopt', at: '/projections/band/adopt', status: 200, send: { position: '42' } },
  { path: '/commands', status: 200, when: () => daemon.submit({ name: 'band', event: 'RESET', by: 'test', id: ID }) },
  { path: '/commands/{id}', at: `/commands/${ID}`, status: 404 },
  { path: '/commands/{id}', at: '/commands/nonsense', status: 404 },
  {
    path: '/commands/{id}',
    at: `/commands/${ID}`,
    status: 200,
    when: () => daemon.submit({ name: 'band', event: 'SKIP', position: 43n, reason: 'x', by: 'test', id: ID }),
  },
  { path: '/projections/{name}/wait', at: '/projections/band/wait?position=7', status: 200 },
  {
    path: '/projections/{name}/wait',
    at: '/projections/band/wait?position=head&timeout=5',
    status: 504,
    when: () => {
      daemon.onWait = async () => ({ applied: false, lagEvents: 3 });
    },
  },
  {
    path: '/projections/{name}/failures',
    at: '/projections/band/failures',
    status: 200,
    when: () => {
      daemon.failed = [failedEvent, { ...failedEvent, skipped: { at: failedEvent.lastAt, by: 'policy', reason: 'r' } }];
    },
  },
  {
    path: '/projections/{name}/try',
    at: '/projections/band/try',
    status: 200,
    send: {},
    when: () => {
      daemon.onTry = async () => tryReport;
    },
  },
  { path: '/projections/{name}/try', at: '/projections/band/try', status: 409, send: {} },
  {
    path: '/projections/{name}/capsule',
    at: '/projections/band/capsule',
    status: 200,
    when: () => {
      daemon.exported = capsule;
    },
  },
  { path: '/projections/{name}/events', at: '/projections/band/events', status: 202, send: { type: 'RESET' } },
  { path: '/projections/{name}/events', at: '/projections/band/events?wait=99', status: 200, send: { type: 'RESET' } },
  { path: '/projections/{name}/events', at: '/projections/band/events', status: 400, send: { type: 'DROP' } },
];

// Seen red with: a field of an answer renamed; a field added to an answer; `nullable` taken from lagSeconds.
it.each(ASKS)('says what $path answers with $status', async ({ path, at = path, status, send, when }) => {
  await when?.();
  const headers = { authorization: 'Bearer t0ken', 'content-type': 'application/json' };
  const init = send === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(send) };
  const answer = await fetch(url + at, init);
  expect(answer.status).toBe(status);
  const schema = schemaOf(path, send === undefined ? 'get' : 'post', status, answer.headers.get('content-type') ?? '');
  const body: unknown = await answer.json();
  if (schema === null) throw new Error(`${path} says nothing of ${status} ${answer.headers.get('content-type')}`);
  z.fromJSONSchema(schema).parse(body);
  expect(undescribed(body, schema, description.components.schemas)).toEqual([]);
});

it('asks a real answer of every status below 400 that it describes', () => {
  const asked = new Set(
    ASKS.map(({ path, send, status }) => `${send === undefined ? 'get' : 'post'} ${path} ${status}`),
  );
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.entries(responses)
        .filter(([status, { content }]) => Number(status) < 400 && JSON.stringify(content ?? null).includes('schema'))
        .map(([status]) => `${method} ${path} ${status}`),
    ),
  );
  expect(described.filter((one) => !asked.has(one))).toEqual([]);
});

// Seen red with: `problems` of the route left empty; the route left out where there are inspectors.
it('says how a handshake at /inspect ends, whichever way that is', async () => {
  const answers = description.paths['/inspect']?.['get']?.responses ?? {};
  const at = `${url.replace('http', 'ws')}/inspect`;
  const offered = ['projectionist', 'projectionist.token.t0ken'];
  const ends = [
    await handshake(at, []),
    await handshake(at, ['projectionist', 'projectionist.token.wrong']),
    await handshake(at, offered, { origin: 'https://evil.test' }),
    await handshake(at, offered, { headers: { host: 'evil.test' } }),
    `426 ${Reflect.get(Object(await (await fetch(`${url}/inspect`)).json()), 'code')}`,
    await handshake(at, offered),
    await handshake(at, offered),
  ];
  expect(ends.map((end) => end.slice(0, 3))).toEqual(['401', '401', '403', '421', '426', '101', '503']);
  for (const end of ends) {
    const [status = '', code = ''] = end.split(' ');
    expect(Object.keys(answers)).toContain(status);
    if (status !== '101') expect(answers[status]?.['description']).toContain(code);
  }
  expect(Reflect.get(description.paths['/inspect']?.['get'] ?? {}, 'security')).toEqual([
    { token: [] },
    { tokenProtocol: [] },
    { tokenInAddress: [] },
  ]);
});
