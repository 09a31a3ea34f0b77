import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import { FakeDaemon } from './fake-daemon.ts';

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dashboard-'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(folder, 'dashboard-AB12.js'), 'export {};');
  await writeFile(join(folder, 'notes.txt'), 'not for browsers');
});
afterAll(() => rm(folder, { recursive: true }));

async function open(options: Partial<ControlApiOptions> = {}): Promise<string> {
  const own = { daemon: new FakeDaemon(), token: 't0ken', host: '127.0.0.1', port: 0, version: '1', log: LOG };
  const dashboard = pathToFileURL(`${folder}/`);
  const server = await createControlApi({ ...own, dashboard, ...options }).listen();
  onTestFinished(() => server.close(0));
  return server.url;
}

test('GET / is the page for a browser and JSON for everybody else', async () => {
  const url = await open();
  const page = await fetch(url, { headers: HTML });
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(await page.text()).toBe('<!doctype html><title>page</title>');
  for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
    expect(await (await fetch(url, { headers })).json()).toMatchObject({ name: 'projectionist' });
  }
});

// Seen red with: the policy of the control API left on the page; 'unsafe-inline' among its styles.
test('the page may run its own files alone, and is not kept; its files are, for their names hold their content', async () => {
  const url = await open();
  const { headers } = await fetch(url, { headers: HTML });
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /);
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-content-type-options')).toBe('nosniff');

  const script = await fetch(`${url}/assets/dashboard-AB12.js`);
  expect([script.headers.get('content-type'), script.headers.get('cache-control')]).toEqual([
    'text/javascript; charset=utf-8',
    'public, max-age=31536000, immutable',
  ]);
  expect(script.headers.get('content-encoding')).toBe('gzip');
  expect(await script.text()).toBe('export {};');
  const plain = await fetch(`${url}/assets/dashboard-AB12.js`, { headers: { 'accept-encoding': 'identity' } });
  expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, 'export {};']);
});

test.each([
  '/assets/index.html',
  '/assets/notes.txt',
  '/assets/..%2f..%2fpackage.json',
  '/assets/%2e%2e/%2e%2e/package.json',
  '/assets/dashboard-AB12.js%00',
  '/assets/',
  '/index.html',
])('%s is nothing', async (path) => {
  expect((await fetch((await open()) + path, { headers: HTML })).status).toBe(404);
});

// Seen red with: the dashboard registered behind the token.
test('beyond loopback the page comes without the token, and no data does', async () => {
  const url = await open({ host: '0.0.0.0' });
  expect((await fetch(url, { headers: HTML })).status).toBe(200);
  expect((await fetch(`${url}/assets/dashboard-AB12.js`)).status).toBe(200);
  expect((await fetch(`${url}/projections`)).status).toBe(401);
  expect((await fetch(url)).status).toBe(401);
});

test('where nothing was built, a browser gets the JSON too', async () => {
  const url = await open({ dashboard: pathToFileURL(`${folder}/nothing-here/`) });
  expect((await fetch(url, { headers: HTML })).headers.get('content-type')).toBe('application/json');
});
