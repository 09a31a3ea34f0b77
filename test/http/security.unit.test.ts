import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import { checkBind } from '../../src/http/bind.ts';
import { defineProjection } from '../../src/index.ts';
import { statusOf as projectionStatus } from './fake-daemon.ts';
import { bytesOf, openRaw, TOKEN } from './raw.ts';

/** Catalogue J, on a server that listens, with bytes that no HTTP client would send. docs/faults.md lists these. */

// Seen red with: the token not looked at for POST; the refusal not logged.
test('J1: without the token, or with another one, nothing is carried out, and the refusal is in the log', async () => {
  const { statusOf, daemon, log } = await openRaw();
  for (const wrong of [
    null,
    'Bearer x',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    'Bearer ',
  ])
    expect(await statusOf({ headers: { Authorization: wrong } }), String(wrong)).toBe(401);
  expect(daemon.sent).toEqual([]);
  expect(log().match(/http\.refused.*"path":"\/projections\/band\/events","remote":"127\.0\.0\.1"/g)).toHaveLength(7);
  expect(await statusOf({})).toBe(202);
  expect(log()).toMatch(/command\.received.*"event":"RESET".*127\.0\.0\.1"/);
});

test('J2: a form, a text or a script of another page cannot send a command, token or not', async () => {
  const { statusOf, daemon } = await openRaw();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', null])
    expect(await statusOf({ headers: { 'Content-Type': type } })).toBe(415);
  for (const headers of [{ Origin: 'https://evil.test' }, { Origin: 'null' }, { 'Sec-Fetch-Site': 'cross-site' }])
    expect(await statusOf({ headers })).toBe(403);
  expect(daemon.sent).toEqual([]);
});

test('J3: a name that was rebound to this machine is refused before anything is looked at', async () => {
  const { statusOf, send, daemon } = await openRaw();
  for (const host of ['evil.test', 'evil.test:PORT', '127.0.0.1.evil.test:PORT', 'localhost.evil.test', '127.0.0.1:1'])
    for (const path of ['/', '/projections', '/nothing', '/projections/band/events'])
      expect(await statusOf({ path, headers: { Host: host } }), host + path).toBe(421);
  expect(await send(bytesOf({ method: 'GET', headers: { Host: 'evil.test' } }))).not.toContain('band');
  expect(daemon.sent).toEqual([]);
});

test('J4: no other origin gets a header that would let it read or send anything', async () => {
  const { send } = await openRaw();
  for (const origin of ['https://evil.test', 'null', 'http://localhost:1'])
    for (const method of ['OPTIONS', 'GET', 'POST']) {
      const preflight = {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization',
      };
      expect(await send(bytesOf({ method, headers: preflight }))).not.toMatch(/access-control-/i);
    }
});

// Seen red with: the query logged with the path.
test('J5: a token in the query opens nothing, and is in no log', async () => {
  const { statusOf, log } = await openRaw();
  const path = `/projections/band/events?token=${TOKEN}&wait=1`;
  expect(await statusOf({ path, headers: { Authorization: null } })).toBe(401);
  expect(await statusOf({ path: `/nothing?token=${TOKEN}` })).toBe(404);
  expect(log()).not.toContain(TOKEN);
});

test('J6: no other method sends a command, and no header makes one into another', async () => {
  const { statusOf, daemon } = await openRaw();
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    expect(await statusOf({ method }), method).toBe(405);
  for (const header of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
    expect(await statusOf({ method: 'GET', headers: { [header]: 'POST' } })).toBe(405);
  expect(daemon.sent).toEqual([]);
});

test('J7: a name that is none of the projections leads nowhere, and none that needs quotes can be declared', async () => {
  const { statusOf, daemon } = await openRaw();
  const names = ['a%22%3B%20drop%20table%20x%3B%20--', '..%2f..%2fetc', 'band%00', 'x'.repeat(70), 'b%C3%A4nd', 'BAND'];
  for (const name of names) {
    expect(await statusOf({ path: `/projections/${name}/events` }), name).toBe(404);
    expect(() =>
      defineProjection()({ name: decodeURIComponent(name), tables: { a: { key: ['id'] } }, on: {} }),
    ).toThrow(/cannot name a projection/);
  }
  for (const name of ['__proto__', 'constructor', 'toString'])
    expect(await statusOf({ path: `/projections/${name}/events` }), name).toBe(404);
  expect(daemon.sent).toEqual([]);
});

test('J8: what an event or an error says is JSON to every browser, and no script of a page', async () => {
  const { send, daemon } = await openRaw();
  const text = '<script>alert(1)</script>';
  daemon.statuses = [projectionStatus('band', { detail: text })];
  const answer = await send(bytesOf({ method: 'GET', path: '/projections' }));
  expect(answer).toContain(text);
  expect(answer).toMatch(/content-type: application\/json/i);
  expect(answer).toMatch(/x-content-type-options: nosniff/i);
  expect(answer).toMatch(/content-security-policy: default-src 'none'/i);
});

// Seen red with: the limit put behind the token; `maxConnections` taken out.
test('J9: commands in a loop are refused after a burst, logged once, while reading goes on', async () => {
  const { statusOf, daemon, log } = await openRaw({ rate: { burst: 5, perSecond: 0 } });
  const statuses: number[] = [];
  for (let sent = 0; sent < 20; sent += 1)
    statuses.push(await statusOf(sent % 2 === 0 ? {} : { headers: { Authorization: null } }));
  expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  expect(daemon.sent).toHaveLength(3);
  expect(log().match(/TOO_MANY/g)).toHaveLength(1);
  expect(await statusOf({ method: 'GET', path: '/projections' })).toBe(200);
});

test('J9: clients that say nothing are given up, and more than the bound are not taken', async () => {
  const limits = { headersTimeoutMs: 150, requestTimeoutMs: 200, checkEveryMs: 20, maxConnections: 8 };
  const { server, statusOf } = await openRaw({ limits });
  const slow = Array.from({ length: 40 }, () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('POST /projections/band/events HTTP/1.1\r\nX: ');
    return new Promise((resolve) => socket.resume().on('close', resolve));
  });
  await Promise.all(slow);
  expect(await statusOf({ method: 'GET', path: '/projections' })).toBe(200);
});

test('J9: a body of a gigabyte, or nested without end, is not taken in', async () => {
  const { statusOf, daemon } = await openRaw();
  expect(await statusOf({ headers: { 'Content-Length': '1073741824' } })).toBe(413);
  expect(await statusOf({ body: '['.repeat(60_000) })).toBe(400);
  expect(await statusOf({ body: `{"type":"RESET","a":${'['.repeat(20_000)}${']'.repeat(20_000)}}` })).toBe(400);
  expect(await statusOf({ body: '{"type":"RESET","__proto__":{"type":"PAUSE"}}' })).toBe(400);
  expect(daemon.sent).toEqual([]);
});

test('J14: an answer holds an id and neither SQL nor address nor payload; the log has the rest', async () => {
  const { send, daemon, log } = await openRaw();
  const secrets = ['relation "secret_table"', 'postgres://u:pw@h/d', 'canary-payload'];
  daemon.onStatus = () => Promise.reject(new Error(secrets.join(' ')));
  const answer = await send(bytesOf({ method: 'GET', path: '/projections' }));
  const { id } = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as { id: string };
  for (const secret of secrets) expect(answer).not.toContain(secret);
  expect(log()).toContain(id);
  daemon.onStatus = () =>
    Promise.reject(new EngineError('DATABASE_UNREACHABLE', { address: 'db.internal', reason: 'x' }));
  expect(await send(bytesOf({ method: 'GET', path: '/projections' }))).not.toContain('db.internal');
});

test('J17: a request that two servers could read in two ways is no request', async () => {
  const { send, daemon } = await openRaw();
  const head =
    'POST /projections/band/events HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\nContent-Type: application/json\r\n';
  const token = `Authorization: Bearer ${TOKEN}\r\n`;
  const body = '{"type":"RESET"}';
  for (const [what, bytes] of [
    ['two lengths', `${head}${token}Content-Length: 16\r\nContent-Length: 17\r\n\r\n${body}`],
    ['a length and chunks', `${head}${token}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a bare line feed', `${head}X: a\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 16\r\n\r\n${body}`],
    ['a space before the colon', `${head}Authorization : Bearer ${TOKEN}\r\nContent-Length: 16\r\n\r\n${body}`],
    ['a folded header', `${head}X: a\r\n Authorization: Bearer ${TOKEN}\r\nContent-Length: 16\r\n\r\n${body}`],
    ['two hosts', `${head}Host: evil.test\r\n${token}Content-Length: 16\r\n\r\n${body}`],
    ['a NUL', `${head}X: a\0b\r\n${token}Content-Length: 16\r\n\r\n${body}`],
    ['a chunk that is none', `${head}${token}Transfer-Encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`],
  ] as const)
    expect(await send(bytes), what).toMatch(/^HTTP\/1\.1 (400|401|421) /);
  expect(daemon.sent).toEqual([]);
});

test('J17: a line break in a path or a query is written nowhere', async () => {
  const { send, log } = await openRaw();
  for (const path of ['/projections/a%0d%0aSet-Cookie:%20x=1', '/projections/a%0aINFO%20forged', '/?a=%0d%0aX:%20y']) {
    const answer = await send(bytesOf({ method: 'GET', path }));
    expect(answer).not.toMatch(/^(set-cookie|x):/im);
  }
  for (const line of log().split('\n')) expect(() => JSON.parse(line === '' ? '0' : line)).not.toThrow();
});

test('J18: an address that others can reach is not bound without a token of the operator', () => {
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'box.lan', 'localhost.evil.test', '127.0.0.1.evil.test'])
    for (const token of [null, ''])
      expect(() => checkBind(host, token)).toThrow(expect.objectContaining({ code: 'BIND_NEEDS_TOKEN' }));
  for (const host of ['127.0.0.1', '::1', 'localhost']) expect(() => checkBind(host, null)).not.toThrow();
});
