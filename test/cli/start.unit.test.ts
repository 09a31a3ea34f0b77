import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { start } from '../../src/cli/start/start.ts';
import { capturedContext } from './captured.ts';

const CONFIG = `
    const projection = { name: 'one', version: 1, schema: '', tables: new Map([['one', { key: ['id'] }]]),
      handlers: new Map(), events: new Map(), policy: {}, reset: null };
    export const projections = [projection];`;

async function folder(): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'start-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'projectionist.config.mjs'), CONFIG);
  return cwd;
}

const options = { config: 'projectionist.config.mjs', sample: 'never', traffic: false, flags: { port: '0' } } as const;

// Seen red with: the comparison of NODE_ENV left out of start.ts (then a private PostgreSQL is created in the folder).
it.each([{}, { DATABASE_URL: '' }])(
  'start without a database in production is refused before a file is written: %o',
  async (env) => {
    const cwd = await folder();
    await expect(
      start(options, capturedContext({ cwd, env: { NODE_ENV: 'production', ...env } })),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'DATABASE_URL: is not set, and NODE_ENV is production: a private PostgreSQL is for trying things out, so set it to the address of the database',
    });
    expect(await readdir(cwd)).toEqual(['projectionist.config.mjs']);
  },
);

// Seen red with: settingsWithoutEffect not called by start (then DATABASE_URL is refused instead).
it('start with a setting for missing behaviour is refused before a file is written', async () => {
  const cwd = await folder();
  const env = { MAX_PROJECTIONS: '3', NODE_ENV: 'production' };
  await expect(start(options, capturedContext({ cwd, env }))).rejects.toThrow('MAX_PROJECTIONS: there is no ceiling');
  expect(await readdir(cwd)).toEqual(['projectionist.config.mjs']);
});
