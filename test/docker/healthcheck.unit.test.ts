import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createControlApi } from '../../src/http/control-api.ts';
import { FakeDaemon } from '../http/fake-daemon.ts';

const script = fileURLToPath(new URL('../../scripts/healthcheck.mjs', import.meta.url));
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function check(env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(process.execPath, [script], { env, stdio: 'ignore', timeout: 30_000 });
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

// Seen red with: `process.exitCode = 0`; the path `/readyz`.
test('a container is healthy while its daemon answers so, also without the database', { timeout: 60_000 }, async () => {
  const daemon = new FakeDaemon();
  const options = { daemon, token: 'a-token', host: '0.0.0.0', port: 0, version: '1', log };
  const server = await createControlApi(options).listen();
  onTestFinished(() => server.close(0));
  const env = { PORT: String(server.port) };
  daemon.isReady = false;
  expect(await check(env)).toBe(0);
  daemon.stalled = [{ name: 'band', seconds: 61 }];
  expect(await check(env)).toBe(1);
  await server.close(0);
  expect(await check(env)).toBe(1);
});
