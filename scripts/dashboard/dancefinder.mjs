// Starts DanceFinder on a private PostgreSQL with live traffic in a temporary folder, for the screenshots.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MAIN = resolve('dist/src/cli/main.js');
const CONFIG = resolve('dist/examples/dancefinder/projectionist.config.js');

/** An event of a band without a name, which the table refuses. */
const BAD_EVENT = {
  aggregateName: 'domain.Band',
  aggregateId: '0b5a6c8e-9f1d-4e0a-8c47-3d2b1a0f9e8d',
  sequenceNo: 1,
  name: 'BandCreated',
  occurredAt: '2025-10-28T04:45:00Z',
  payload: { name: null },
};

/** @returns the address with the token, and functions that run a command, append an event that cannot be applied, and stop it */
export async function startDancefinder() {
  const folder = mkdtempSync(join(tmpdir(), 'screenshots-'));
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PORT: '0', LOG_LEVEL: 'error', DAEMON_ID: 'dancefinder-1' };
  const daemon = spawn(process.execPath, [MAIN, 'start', '--config', CONFIG, '--traffic'], { cwd: folder, env });
  const ended = new Promise((done) => daemon.once('exit', done));
  let output = '';
  daemon.stdout.on('data', (chunk) => {
    output += chunk;
  });
  /** Waits until stdout matches the pattern. @returns its first group */
  const said = (what) =>
    new Promise((found, reject) => {
      const look = () => {
        const match = what.exec(output);
        if (match !== null) found(match[1]);
      };
      daemon.stdout.on('data', look);
      daemon.once('exit', () => reject(new Error(`the daemon ended: ${output}`)));
      look();
    });
  const command = async (...args) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env, stdio: 'inherit' });
    await new Promise((done) => child.once('exit', done));
  };
  const stop = async () => {
    daemon.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const url = await said(/^control (\S+)/m);
    await said(/(4 live)/);
    return {
      url,
      command,
      fail: async () => {
        writeFileSync(join(folder, 'bad.ndjson'), `${JSON.stringify(BAD_EVENT)}\n`);
        await command('import', 'bad.ndjson');
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
