import { randomBytes } from 'node:crypto';
import { afterAll, expect, test, vi } from 'vitest';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { freePort } from '../../src/embedded/settings.ts';
import { compose, engineAnswers } from '../support/compose.ts';

const engine = engineAnswers();
if (!engine) console.log('skipped: the image and docker-compose.yml are not run, since no container engine answers');

const project = `projectionist-${randomBytes(4).toString('hex')}`;
const token = randomBytes(16).toString('hex');
const [postgres, rabbitmq, ui, port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
const env = {
  PROJECTIONIST_TOKEN: token,
  POSTGRES_PORT: String(postgres),
  RABBITMQ_PORT: String(rabbitmq),
  RABBITMQ_UI_PORT: String(ui),
  PROJECTIONIST_PORT: String(port),
};
const run = (args: readonly string[], timeoutMs = 60_000) => compose(['-p', project, ...args], { env, timeoutMs });

afterAll(async () => {
  if (engine) await run(['down', '--volumes', '--rmi', 'local'], 120_000);
}, 120_000);

async function projections(): Promise<readonly ProjectionStatus[]> {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`http://127.0.0.1:${port}/projections`, { headers, signal: AbortSignal.timeout(5000) });
  return ((await answer.json()) as { projections: ProjectionStatus[] }).projections;
}

// Seen red with: `COPY bench bench` and bench compiled (the image does not build); the volume of .projectionist left
// out of the compose file, with the root read-only (the command inside finds no daemon).
test.skipIf(!engine)(
  'on a fresh checkout the image builds, compose starts every service, and SIGTERM ends the daemon with 0',
  { timeout: 600_000 },
  async () => {
    await run(['up', '--detach', '--build'], 480_000);
    await vi.waitFor(
      async () => expect((await projections()).map(({ state }) => state)).toEqual(Array(4).fill('live')),
      {
        timeout: 90_000,
        interval: 500,
      },
    );
    const [first] = await projections();
    expect(first?.cursor).toBe('20000');
    const status = await run(['exec', '-T', 'projectionist', 'node', 'dist/src/cli/main.js', 'status', '--json']);
    expect(JSON.parse(status)).toMatchObject({ projections: Array(4).fill({ state: 'live' }) });
    await expect(run(['exec', '-T', 'projectionist', 'touch', '/app/x'])).rejects.toThrow('Read-only file system');
    await run(['stop', 'projectionist']);
    expect(await run(['logs', '--no-color', 'projectionist'])).toContain('daemon.stopped');
  },
);
