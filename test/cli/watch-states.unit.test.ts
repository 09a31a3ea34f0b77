import { expect, onTestFinished, test } from 'vitest';
import { watchStates } from '../../src/cli/watch-states.ts';
import { EngineError } from '../../src/core/errors.ts';
import { type ControlApiOptions, createControlApi } from '../../src/http/control-api.ts';
import { openConnections } from '../../src/inspect/connections.ts';
import { Hub } from '../../src/inspect/hub.ts';
import { FakeDaemon } from '../http/fake-daemon.ts';
import { inspectedDaemon } from '../inspect/hub-rig.ts';
import { Captured } from './captured.ts';

const TOKEN = 't0ken';

async function serve(options: Partial<ControlApiOptions>) {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const api = { daemon: new FakeDaemon(), token: TOKEN, host: '127.0.0.1', port: 0, version: '1', log, ...options };
  const server = await createControlApi(api).listen();
  onTestFinished(() => server.close(0));
  return server;
}

/** Each line without its time. */
const linesOf = ({ text }: Captured) => text.split('\n').flatMap((line) => line.slice(25) || []);

function watching(urls: readonly string[], name?: string, token = TOKEN) {
  const stdout = new Captured();
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  let found = 0;
  const find = async () => {
    const url = urls[Math.min(found, urls.length - 1)] ?? '';
    found += 1;
    return { url, token };
  };
  return { stdout, ended, over: watchStates({ find, name, signal: ended.signal, stdout, retryMs: 1 }) };
}

// Seen red with: `from === to` not checked; the names of operations not left out.
test('each transition is a line, after a line for each initial state', async () => {
  const daemon = inspectedDaemon(['band', 'event']);
  await daemon.answer('band', 'open:running', 'run:caught-up');
  const { url } = await serve({ inspectors: openConnections(daemon.hub) });
  const { stdout, ended, over } = watching([url]);
  await expect.poll(() => linesOf(stdout)).toEqual(['daemon running', 'band live.waiting', 'event idle.opening']);
  daemon.child('band').send({ type: 'WAKE' });
  // Another WAKE while it works changes no state.
  daemon.clock.pass(200);
  daemon.child('band').send({ type: 'WAKE' });
  daemon.child('band').send({ type: 'RESET' });
  await daemon.answer('band', 'run:stopped', 'reset:running', 'rejected');
  await expect
    .poll(() => linesOf(stdout).slice(3))
    .toEqual([
      'band live.waiting -> live.working (WAKE)',
      'band live.working -> resetting (done)',
      'band resetting -> catching-up.working (done)',
      'band catching-up.working -> catching-up.backing-off (error)',
    ]);
  expect(stdout.text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z daemon running\n/);
  ended.abort();
  await over;
});

test('of one projection only, when it is named', async () => {
  const daemon = inspectedDaemon(['band', 'event']);
  const { url } = await serve({ inspectors: openConnections(daemon.hub) });
  const { stdout } = watching([url], 'event');
  await expect.poll(() => linesOf(stdout)).toEqual(['event idle.opening']);
  await daemon.answer('band', 'open:running');
  await daemon.answer('event', 'open:running');
  await expect.poll(() => linesOf(stdout).at(-1)).toBe('event idle.opening -> catching-up.working (done)');
  expect(stdout.text).not.toContain('band');
});

test('the lines go on over a restart of the daemon, and name it', async () => {
  const [before, after] = [inspectedDaemon(['band']), inspectedDaemon(['band'])];
  const first = await serve({ inspectors: openConnections(before.hub) });
  const second = await serve({ inspectors: openConnections(after.hub) });
  const { stdout } = watching([first.url, 'http://127.0.0.1:1', second.url]);
  await expect.poll(() => linesOf(stdout)).toContain('band idle.opening');
  await first.close(0);
  await expect
    .poll(() => linesOf(stdout), { timeout: 5000 })
    .toEqual([
      'daemon running',
      'band idle.opening',
      'lost the daemon, searching for it',
      'the daemon answers again',
      'daemon running',
      'band idle.opening',
    ]);
});

test('a daemon that does not answer, refuses the token or runs with INSPECT=off is an error immediately', async () => {
  const { url } = await serve({ inspectors: openConnections(new Hub()) });
  const closed = await serve({});
  await expect(watching([url], undefined, 'wrong').over).rejects.toMatchObject({ code: 'TOKEN_WRONG' });
  await expect(watching([closed.url]).over).rejects.toThrow(/INSPECT=off/);
  await expect(watching(['http://127.0.0.1:1']).over).rejects.toBeInstanceOf(EngineError);
});
