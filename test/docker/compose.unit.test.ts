import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { composeProgram } from '../support/compose.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

if (composeProgram === null && process.env['CI'] === 'true')
  throw new Error('docker-compose is missing: install it (Debian: apt-get install docker-compose)');
if (composeProgram === null)
  console.log('skipped: docker-compose.yml is not checked, since there is no docker-compose');

/** An empty token is a missing one, and hides what a `.env` here may say. */
function config(token: string) {
  const [program = '', ...args] = composeProgram ?? [];
  const { PATH, HOME } = process.env;
  const ran = spawnSync(program, [...args, '-f', 'docker-compose.yml', 'config'], {
    cwd,
    env: { PATH, HOME, PROJECTIONIST_TOKEN: token },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

describe.skipIf(composeProgram === null)('docker-compose.yml', () => {
  // Seen red with: `condition: service_helthy`.
  test('is read, with the daemon after a healthy database', { timeout: 60_000 }, () => {
    const { code, out, err } = config('a-token');
    expect(code, err).toBe(0);
    expect(out).toContain('PROJECTIONIST_TOKEN: a-token');
    expect(out).toMatch(/postgres:\n\s+condition: service_healthy/);
  });

  // Seen red with: the token's `:?` made `:-`.
  test('is refused without a token, with a message that says how to generate one', { timeout: 60_000 }, () => {
    const { code, err } = config('');
    expect(code).not.toBe(0);
    expect(err).toContain('openssl rand -hex 32');
  });
});
