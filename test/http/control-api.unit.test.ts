import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { EngineError, type ErrorCode } from '../../src/core/errors.ts';
import { OPERATOR_EVENTS } from '../../src/core/operator-commands/command-registry.ts';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import type { Listening } from '../../src/http/listen.ts';
import { FakeDaemon, publisherStatus, statusOf } from './fake-daemon.ts';

const TOKEN = 'correct-horse-battery';

let daemon: FakeDaemon;
let logged: { level: string; fields: Record<string, unknown>; message: string }[];
let server: Listening;

async function open(options: Partial<ControlApiOptions> = {}): Promise<Listening> {
  const note = (level: string) => (fields: unknown, message?: unknown) => {
    logged.push({ level, fields: fields as Record<string, unknown>, message: String(message) });
  };
  const log = { info: note('info'), warn: note('warn'), error: note('error') } as ControlApiOptions['log'];
  const api = createControlApi({ daemon, token: TOKEN, host: '127.0.0.1', port: 0, version: '1.2.3', log, ...options });
  const listening = await api.listen();
  onTestFinished(() => listening.close(50));
  return listening;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly to?: Listening;
}

/** node:http and not fetch, which will not send a Host or Origin of one's own. */
function ask(path: string, { method = 'GET', headers = {}, body, to = server }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: '127.0.0.1', port: to.port, path, method, headers, agent: false },
      (incoming) => {
        text(incoming).then((answer) => {
          const isJson = String(incoming.headers['content-type']).includes('json') && answer !== '';
          const json = isJson ? (JSON.parse(answer) as Record<string, unknown>) : {};
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text: answer, json });
        }, reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const COMMAND_HEADERS = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };

function command(
  type: unknown,
  { query = '', headers = {}, name = 'band', ...rest }: Ask & { query?: string; name?: string } = {},
) {
  return ask(`/projections/${name}/events${query}`, {
    method: 'POST',
    headers: { ...COMMAND_HEADERS, ...headers },
    body: JSON.stringify({ type }),
    ...rest,
  });
}

beforeEach(async () => {
  daemon = new FakeDaemon();
  logged = [];
  server = await open();
});

describe('reading', () => {
  it('lists the routes at the root', async () => {
    const answer = await ask('/');
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      name: 'projectionist',
      version: '1.2.3',
      links: { projections: '/projections' },
    });
  });

  it('answers health with 200 and with 503', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } });
    // A database that is away is no reason to start anew.
    daemon.isReady = false;
    expect(await ask('/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } });
    daemon.stalled = [{ name: 'band', seconds: 61 }];
    expect(await ask('/healthz')).toMatchObject({
      status: 503,
      json: { status: 'unavailable', stalled: [{ name: 'band', seconds: 61 }] },
    });
  });

  // Seen red with: `ready()` false while the broker is away; 503 for degraded.
  it('is ready without a broker, ready with one, degraded while it is away, and unavailable without the database', async () => {
    expect(await ask('/readyz')).toMatchObject({ status: 200, json: { status: 'ready' } });
    daemon.brokerStatus = { state: 'healthy', detail: null };
    expect(await ask('/readyz')).toMatchObject({ status: 200, json: { status: 'ready' } });
    for (const state of ['connecting', 'polling-only'] as const) {
      daemon.brokerStatus = { state, detail: 'cannot use RabbitMQ at localhost:5672: ECONNREFUSED' };
      expect(await ask('/readyz')).toMatchObject({ status: 200, json: { status: 'degraded', broker: { state } } });
      expect(await ask('/healthz')).toMatchObject({ status: 200 });
    }
    daemon.isReady = false;
    expect(await ask('/readyz')).toMatchObject({ status: 503, json: { status: 'unavailable' } });
  });

  // Seen red with: `backingOff` left out of the answer.
  it('is degraded, and in service, while a projection has backed off for long', async () => {
    daemon.lasting = [{ name: 'band', since: 0, detail: 'backing off: permission denied for table band' }];
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      json: {
        status: 'degraded',
        backingOff: [{ name: 'band', since: '1970-01-01T00:00:00.000Z', detail: daemon.lasting[0]?.detail }],
      },
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  // Seen red with: `unhandled` left out of the answer.
  it('lists the event types that no projection handles', async () => {
    daemon.unhandledEvents = [{ name: 'BandRenammed', events: 3, position: '41' }];
    expect((await ask('/projections')).json).toMatchObject({ unhandled: daemon.unhandledEvents });
    expect((await ask('/metrics')).text).toContain('projectionist_unhandled_events_total 3\n');
  });

  // Seen red with: the figures read for each family.
  it('gives metrics, for which the daemon is asked once', async () => {
    let asked = 0;
    daemon.onStatus = async () => {
      asked += 1;
      return daemon.statuses;
    };
    const answer = await ask('/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.text).toContain('projectionist_lag_events{projection="event"} 32\n');
    expect([answer.status, asked]).toEqual([200, 1]);
  });

  // Seen red with: `open` left out of checkToken; `mayRead` set for everybody; a wrong token let in.
  it('answers probes beyond loopback without the token, in bare words; a wrong token is still refused', async () => {
    const to = await open({ host: '0.0.0.0' });
    daemon.stalled = [{ name: 'band', seconds: 61 }];
    daemon.brokerStatus = { state: 'polling-only', detail: 'cannot use RabbitMQ at localhost:5672: ECONNREFUSED' };
    const health = await ask('/healthz', { to });
    expect([health.status, health.json]).toEqual([503, { status: 'unavailable' }]);
    expect((await ask('/readyz', { to })).json).toEqual({ status: 'degraded' });
    for (const authorization of ['Bearer wrong', 'Bearer']) {
      const answer = await ask('/healthz', { to, headers: { authorization } });
      expect(answer.text).not.toContain('band');
    }
    expect((await ask('/healthz', { to, headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    const known = await ask('/readyz', { to, headers: { authorization: `Bearer ${TOKEN}` } });
    expect(known.json).toEqual({ status: 'degraded', broker: daemon.brokerStatus });
    for (const path of ['/metrics', '/projections', '/healthz/', '/healthz?x=/readyz/../projections']) {
      const answer = await ask(path, { to });
      expect([path, answer.status, answer.text.includes('live')]).toEqual([
        path,
        path.includes('?') ? 503 : 401,
        false,
      ]);
    }
    expect((await ask('/healthz', { to, method: 'POST' })).status).toBe(401);
  });

  // Seen red with: the publisher among the projections; the name taken for an unknown projection's.
  it('shows the publisher beside the projections, and refuses it commands', async () => {
    daemon.published = publisherStatus;
    expect((await ask('/projections')).json).toEqual({ projections: daemon.statuses, publisher: publisherStatus });
    expect(await ask('/projections/$publisher')).toMatchObject({ status: 404 });
    const refused = await command('RESET', { name: '$publisher' });
    expect(refused).toMatchObject({ status: 409, json: { code: 'PUBLISHER_TAKES_NO_COMMANDS' } });
    expect(daemon.sent).toEqual([]);
  });

  it('shows the broker beside the projections, where there is one', async () => {
    daemon.brokerStatus = { state: 'healthy', detail: null };
    expect((await ask('/projections')).json).toEqual({ projections: daemon.statuses, broker: daemon.brokerStatus });
  });

  it('gives all projections, and one', async () => {
    expect((await ask('/projections')).json).toEqual({ projections: daemon.statuses });
    expect((await ask('/projections/event')).json).toEqual(daemon.statuses[1]);
  });

  // Seen red with: `instance` passed over in route.ts.
  it('refuses an instance, of which there are none yet, to read and to command', async () => {
    const refused = { status: 400, json: { code: 'QUERY_INVALID' } };
    expect(await ask('/projections/band?instance=b')).toMatchObject(refused);
    expect(await command('RESET', { query: '?instance=b' })).toMatchObject(refused);
    expect(daemon.sent).toEqual([]);
  });

  it('answers HEAD without a body', async () => {
    expect(await ask('/projections', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  it('writes a bigint that got into a status as a decimal string', async () => {
    daemon.onStatus = async () => [{ ...statusOf('band'), cursor: 9_007_199_254_740_993n as unknown as string }];
    expect((await ask('/projections/band')).json['cursor']).toBe('9007199254740993');
  });

  it.each(['nope', 'a%22%3B%20drop%20table%20x%3B%20--', '..%2f..%2fetc', 'a%00', 'b%C3%A4nd', 'x'.repeat(70), '%zz'])(
    'knows no projection called %s',
    async (name) => {
      expect(await ask(`/projections/${name}`)).toMatchObject({ status: 404, json: { code: 'PROJECTION_UNKNOWN' } });
      expect((await command('RESET', { name })).status).toBe(404);
      expect(daemon.sent).toEqual([]);
    },
  );

  it('gives up a status that does not come', async () => {
    server = await open({ statusTimeoutMs: 20 });
    daemon.onStatus = () => new Promise(() => {});
    expect(await ask('/projections')).toMatchObject({ status: 503, json: { code: 'UNAVAILABLE' } });
  });
});

describe('a command', () => {
  // Seen red with: `command.ended` logged here as well.
  it('is accepted with 202 and an id, and carried out', async () => {
    const answer = await command('RESET');
    expect(answer.status).toBe(202);
    expect(answer.json).toEqual({ id: expect.stringMatching(/^[\da-f-]{36}$/), projection: 'band', event: 'RESET' });
    expect(daemon.sent).toEqual([{ name: 'band', event: 'RESET' }]);
    const about = logged.filter(({ fields }) => fields['command'] === answer.json['id']);
    // How it ended is in the log of the daemon that carries it out: once.
    expect(about).toMatchObject([{ message: 'command.received', fields: { projection: 'band', event: 'RESET' } }]);
  });

  it.each(['RESET', 'PAUSE', 'RESUME', 'RETRY'])('%s with wait gives its outcome', async (type) => {
    const answer = await command(type, { query: '?wait=1000' });
    expect(answer).toMatchObject({ status: 200, json: { kind: 'done', state: 'catching-up', event: type } });
  });

  it.each([
    ['COMMAND_REFUSED', 409],
    ['RESET_FAILED', 422],
    ['RESET_REFUSED', 422],
    ['RESET_BLOCKED', 503],
  ])('that ends in %s answers %i', async (code, status) => {
    daemon.onSend = async () => ({ kind: 'failed', code, message: 'because' });
    const answer = await command('RESET', { query: '?wait=1000' });
    expect(answer).toMatchObject({ status, json: { status, code, detail: 'because' } });
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  it('that takes longer than the wait answers 504 and goes on', async () => {
    let finish = (): void => undefined;
    daemon.onSend = () =>
      new Promise((resolve) => {
        finish = () => resolve({ kind: 'done', state: 'live' });
      });
    expect(await command('RESET', { query: '?wait=20' })).toMatchObject({
      status: 504,
      json: { code: 'COMMAND_TIMEOUT' },
    });
    finish();
    await expect.poll(async () => (await command('PAUSE')).status).toBe(202);
  });

  it.each<[ErrorCode, number]>([
    ['COMMAND_TIMEOUT', 504],
    ['DAEMON_STOPPED', 503],
    ['PROJECTION_UNKNOWN', 404],
  ])('that the daemon answers by throwing %s is a %i', async (code, status) => {
    daemon.onSend = () => Promise.reject(new EngineError(code));
    expect(await command('RESET', { query: '?wait=1000' })).toMatchObject({ status, json: { code } });
  });

  it('that fails with nobody waiting is logged, and nothing is unhandled', async () => {
    daemon.onSend = () => Promise.reject(new Error('boom'));
    expect((await command('RESET')).status).toBe(202);
    await expect.poll(() => logged.map(({ message }) => message)).toContain('command.failed');
  });

  it('is refused while too many are under way', async () => {
    server = await open({ maxCommands: 2 });
    daemon.onSend = () => new Promise(() => {});
    await command('RESET');
    await command('RESET');
    const answer = await command('RESET');
    expect(answer).toMatchObject({ status: 503, json: { code: 'BUSY' } });
    expect(answer.headers['retry-after']).toBe('1');
    expect(daemon.sent).toHaveLength(2);
  });

  it.each(['-1', '1.5', '1e3', 'soon', '600001', '9999999'])('with wait=%s is refused', async (wait) => {
    expect(await command('RESET', { query: `?wait=${wait}` })).toMatchObject({
      status: 400,
      json: { code: 'QUERY_INVALID' },
    });
  });

  // Seen red with: `defaultHook` passing over queries.
  it('with a parameter that is given twice is refused', async () => {
    const answer = await command('RESET', { query: '?wait=1&wait=2' });
    expect(answer).toMatchObject({ status: 400, json: { code: 'QUERY_INVALID' } });
    expect(answer.json['detail']).toContain('wait is a whole number of milliseconds');
    expect(daemon.sent).toEqual([]);
  });

  it.each([
    ['', 'it is not JSON'],
    ['{', 'it is not JSON'],
    ['[]', 'expected object'],
    ['null', 'expected object'],
    ['{}', `type is not one of ${OPERATOR_EVENTS.join(', ')}`],
    ['{"type":"DROP"}', 'type is not one of'],
    ['{"type":"RESET","also":1}', 'also'],
    ['{"__proto__":{"type":"RESET"}}', 'type is not one of'],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'expected object'],
  ])('with the body %.30s is refused', async (body, reason) => {
    const answer = await command('', { body });
    expect(answer).toMatchObject({ status: 400, json: { code: 'BODY_INVALID' } });
    expect(answer.json['detail']).toContain(reason);
    expect(daemon.sent).toEqual([]);
  });
});

describe('the token (J1)', () => {
  it.each([
    ['no token', {}, 'TOKEN_NEEDED'],
    ['another token', { authorization: 'Bearer wrong' }, 'TOKEN_WRONG'],
    ['one of the same length', { authorization: `Bearer ${'x'.repeat(TOKEN.length)}` }, 'TOKEN_WRONG'],
    ['another scheme', { authorization: `Basic ${TOKEN}` }, 'TOKEN_NEEDED'],
    ['the token alone', { authorization: TOKEN }, 'TOKEN_NEEDED'],
    ['a prefix of it', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, 'TOKEN_WRONG'],
  ])('%s cannot send a command, which is logged', async (_what, authorization, code) => {
    const answer = await ask('/projections/band/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: '{"type":"RESET"}',
    });
    expect(answer).toMatchObject({ status: 401, json: { code } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(daemon.sent).toEqual([]);
    expect(logged.at(-1)).toMatchObject({ level: 'warn', fields: { code, remote: '127.0.0.1' } });
  });

  // Seen red with: a token matched by `[A-Za-z0-9._~+/-]+=*`, as hono/bearer-auth does.
  it('may have any printable character but a space', async () => {
    const token = 'pass:word!"%&{}';
    const to = await open({ token });
    const answer = await command('RESET', { to, headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(202);
  });

  it('is not taken from the query', async () => {
    const answer = await command('RESET', { query: `?token=${TOKEN}`, headers: { authorization: '' } });
    expect(answer.status).toBe(401);
  });

  it('is never logged (J5, J15)', async () => {
    await command('RESET', { query: `?wait=100&token=${TOKEN}` });
    await command('RESET', { query: `?token=${TOKEN}`, headers: { 'content-type': 'text/plain' } });
    daemon.onStatus = () => Promise.reject(new Error('boom'));
    await ask(`/projections?token=${TOKEN}`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(logged.length).toBeGreaterThan(2);
    expect(JSON.stringify(logged)).not.toContain(TOKEN);
  });

  it('is not needed to read on loopback, and is needed beyond it', async () => {
    expect((await ask('/projections')).status).toBe(200);
    const beyond = await open({ host: '0.0.0.0' });
    expect((await ask('/projections', { to: beyond })).status).toBe(401);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await ask('/projections', { to: beyond, headers })).status).toBe(200);
  });
});

describe('a page of another origin (J2, J4)', () => {
  it.each([
    [{ origin: 'https://evil.test' }],
    [{ origin: 'null' }],
    [{ origin: '' }],
    [{ origin: 'http://127.0.0.1:1' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
  ])('with %j cannot send a command, even with the token', async (headers) => {
    expect(await command('RESET', { headers })).toMatchObject({ status: 403, json: { code: 'ORIGIN_REFUSED' } });
    expect(daemon.sent).toEqual([]);
  });

  it("is told from the daemon's own", async () => {
    expect((await command('RESET', { headers: { origin: server.url, 'sec-fetch-site': 'same-origin' } })).status).toBe(
      202,
    );
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json-seq',
    '',
  ])('cannot send a form or text: %s is refused', async (type) => {
    expect(await command('RESET', { headers: { 'content-type': type } })).toMatchObject({
      status: 415,
      json: { code: 'BODY_NOT_JSON_TYPE' },
    });
    expect(daemon.sent).toEqual([]);
  });

  // Seen red with: the header left as it was sent, for Hono to read.
  it.each([
    'application/json; charset=utf-8',
    'application/json ; charset=utf-8',
    'application/json;charset="utf-8"',
    'application/json;',
    'Application/JSON',
  ])('is not suspected for any spelling of the JSON type: %s is accepted', async (type) => {
    expect((await command('RESET', { headers: { 'content-type': type } })).status).toBe(202);
  });

  it('gets no header of CORS, from a preflight or from anything else', async () => {
    const headers = { origin: 'https://evil.test', 'access-control-request-method': 'POST' };
    for (const answer of [
      await ask('/projections/band/events', { method: 'OPTIONS', headers }),
      await ask('/projections', { headers }),
      await command('RESET', { headers }),
    ]) {
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

describe('the Host (J3)', () => {
  it.each([
    'evil.test',
    'evil.test:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    'localhost.evil.test:PORT',
    '127.0.0.1.evil.test:PORT',
    '10.0.0.1:PORT',
    'user@127.0.0.1:PORT',
    'a b',
  ])('%j is refused before routing, with nothing said', async (host) => {
    const headers = { host: host.replace('PORT', String(server.port)) };
    for (const path of ['/projections', '/no-such-page']) {
      const answer = await ask(path, { headers });
      expect(answer).toMatchObject({ status: 421, json: { code: 'HOST_REFUSED' } });
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    }
    expect((await command('RESET', { headers })).status).toBe(421);
    expect(daemon.sent).toEqual([]);
  });

  it.each(['127.0.0.1:PORT', 'localhost:PORT', 'LOCALHOST:PORT', '[::1]:PORT', '127.8.8.8:PORT'])(
    '%s is answered',
    async (host) => {
      expect((await ask('/projections', { headers: { host: host.replace('PORT', String(server.port)) } })).status).toBe(
        200,
      );
    },
  );

  it.each(['GET /projections HTTP/1.0\r\n\r\n', 'GET /projections HTTP/1.0\r\nHost:\r\n\r\n'])(
    'that is missing or empty is refused: %j',
    async (raw) => {
      const socket = connect(server.port, '127.0.0.1');
      socket.end(raw);
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 421/);
    },
  );

  it('with more lines in it is no request at all (J17)', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400/);
  });

  it('may be any literal address on a wildcard, never another name', async () => {
    const beyond = await open({ host: '0.0.0.0' });
    const authorization = `Bearer ${TOKEN}`;
    expect((await ask('/projections', { to: beyond, headers: { authorization, host: '192.0.2.7:8080' } })).status).toBe(
      200,
    );
    expect((await ask('/projections', { to: beyond, headers: { authorization, host: 'evil.test' } })).status).toBe(421);
  });
});

describe('an allowed Host', () => {
  // Seen red with: checkHost given no allowed names.
  it('is answered, with the token alone, also on a wildcard', async () => {
    const authorization = `Bearer ${TOKEN}`;
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const to = await open({ host, allowedHosts: ['projectionist'] });
      const health = (name: string, headers: Record<string, string>) =>
        ask('/healthz', { to, headers: { host: name, ...headers } });
      expect((await health('projectionist:4400', { authorization })).status, host).toBe(200);
      expect((await health('projectionist.evil.test', { authorization })).status, host).toBe(421);
    }
  });

  // Seen red with: `isLoopback(host)` alone for readsAreOpen.
  it('means that others can come through a proxy, so that reading needs the token on loopback too', async () => {
    const to = await open({ allowedHosts: ['read.example'] });
    for (const host of ['read.example', `127.0.0.1:${to.port}`]) {
      expect(await ask('/projections', { to, headers: { host } }), host).toMatchObject({
        status: 401,
        json: { code: 'TOKEN_NEEDED' },
      });
    }
  });
});

describe('methods (J6)', () => {
  it.each([
    ['GET', '/projections/band/events', 'POST'],
    ['HEAD', '/projections/band/events', 'POST'],
    ['PUT', '/projections/band/events', 'POST'],
    ['DELETE', '/projections/band', 'GET, HEAD'],
    ['POST', '/projections', 'GET, HEAD'],
    ['PATCH', '/', 'GET, HEAD'],
    ['OPTIONS', '/healthz', 'GET, HEAD'],
    ['PROPFIND', '/projections', 'GET, HEAD'],
  ])('%s %s is a 405 that allows %s', async (method, path, allow) => {
    const answer = await ask(path, { method, headers: COMMAND_HEADERS });
    expect(answer).toMatchObject({ status: 405, headers: { allow } });
    expect(daemon.sent).toEqual([]);
  });

  it('cannot be overridden by a header', async () => {
    for (const name of ['x-http-method-override', 'x-method-override', 'x-http-method']) {
      await ask('/projections/band/events?_method=POST', { headers: { ...COMMAND_HEADERS, [name]: 'POST' } });
    }
    expect(daemon.sent).toEqual([]);
  });

  it('on a path that is none get a 404', async () => {
    expect(await ask('/metricss')).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } });
  });
});

describe('limits (J9)', () => {
  it('refuse a body over 64 KiB that says so', async () => {
    const body = JSON.stringify({ type: 'RESET', pad: 'x'.repeat(65 * 1024) });
    expect(await command('', { body })).toMatchObject({ status: 413, json: { code: 'BODY_TOO_LARGE' } });
  });

  it('refuse one that does not say so', async () => {
    const answer = await command('', { headers: { 'transfer-encoding': 'chunked' }, body: Buffer.alloc(300_000, ' ') });
    expect(answer.status).toBe(413);
    expect(daemon.sent).toEqual([]);
  });

  it('take a chunked body that is small enough', async () => {
    expect((await command('RESET', { headers: { 'transfer-encoding': 'chunked' } })).status).toBe(202);
  });

  it('end a client that sends its headers too slowly, while others are served', async () => {
    server = await open({ limits: { headersTimeoutMs: 60, requestTimeoutMs: 60_000, checkEveryMs: 20 } });
    const slow = connect(server.port, '127.0.0.1');
    const ended = text(slow);
    slow.write('GET /projections HTTP/1.1\r\nHost: x');
    expect((await ask('/projections')).status).toBe(200);
    expect(await ended).toMatch(/^HTTP\/1\.1 408/);
  });

  it('end one that sends its body too slowly', async () => {
    server = await open({ limits: { requestTimeoutMs: 60, headersTimeoutMs: 50, checkEveryMs: 20 } });
    const slow = connect(server.port, '127.0.0.1');
    const ended = text(slow);
    slow.write(
      `POST /projections/band/events HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\n`,
    );
    slow.write('Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{');
    expect(await ended).toMatch(/^HTTP\/1\.1 408/);
    expect(daemon.sent).toEqual([]);
  });

  it('refuse headers that are too long', async () => {
    expect((await ask('/', { headers: { 'x-long': 'x'.repeat(20_000) } })).status).toBe(431);
  });
});

describe('errors (J14)', () => {
  it('carry an id and not what went wrong, which the log has', async () => {
    daemon.onStatus = () => Promise.reject(new Error('relation "secret_table" does not exist at postgres://u:pw@h/d'));
    const answer = await ask('/projections');
    expect(answer).toMatchObject({
      status: 500,
      json: { code: 'INTERNAL', id: expect.stringMatching(/^[\da-f-]{36}$/) },
    });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.text).not.toMatch(/secret_table|postgres/);
    expect(logged.find(({ message }) => message === 'http.error')?.fields['id']).toBe(answer.json['id']);
  });

  it('of the engine that hold an address are not shown either', async () => {
    daemon.onStatus = () =>
      Promise.reject(new EngineError('DATABASE_UNREACHABLE', { address: 'db.internal:5432', reason: 'x' }));
    expect((await ask('/projections')).text).not.toContain('db.internal');
  });

  it('thrown as something that is no Error are answered as well', async () => {
    daemon.onStatus = () => Promise.reject('boom');
    expect((await ask('/projections')).status).toBe(500);
  });
});

it.each([
  ['an answer', () => ask('/projections')],
  ['a 404', () => ask('/nope')],
  ['a 405', () => ask('/healthz', { method: 'PUT' })],
  ['a 401', () => command('RESET', { headers: { authorization: '' } })],
  ['a 413', () => command('', { body: 'x'.repeat(70_000) })],
  [
    'a 500',
    () => {
      daemon.onStatus = () => Promise.reject(new Error('boom'));
      return ask('/projections');
    },
  ],
])('%s carries the security headers', async (_what, get) => {
  expect((await get()).headers).toMatchObject({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
});
