import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readLock } from '../../src/embedded/lock.ts';
import { freePort } from '../../src/embedded/settings.ts';
import { until } from '../../src/embedded/wait.ts';
import { temporaryFolder } from './folder.ts';
import { pool, query, started } from './server.ts';

test('a new folder becomes a UTF-8 database that listens on a private socket only', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path, throwAway: false });
  expect(server.fresh).toBe(true);
  const [row] = await query(
    server,
    `SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider AS provider, datlocale AS locale,
      current_setting('listen_addresses') AS tcp, current_setting('fsync') AS fsync,
      current_setting('TimeZone') AS zone, current_setting('max_connections') AS connections
    FROM pg_database WHERE datname = current_database()`,
  );
  expect(row).toMatchObject({ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8', tcp: '', fsync: 'on' });
  expect(row).toMatchObject({ zone: expect.stringMatching(/UTC$/), connections: '100' });
  const [socket, data] = await Promise.all([stat(server.connection.host), stat(server.folder)]);
  expect([socket.mode & 0o777, socket.uid]).toEqual([0o700, data.uid]);
});

test('the second start is warm and keeps the data', async () => {
  await using folder = await temporaryFolder();
  {
    await using first = await started({ folder: folder.path });
    await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  }
  await using second = await started({ folder: folder.path });
  expect(second.fresh).toBe(false);
  expect(await query(second, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  expect((await readdir(folder.path)).toSorted()).toEqual(['postgres']);
});

test('stop is idempotent, leaves no process, and is not a death', async () => {
  await using folder = await temporaryFolder();
  await using server = await started({ folder: folder.path });
  const first = server.stop();
  expect(server.stop()).toBe(first);
  await first;
  expect(await readLock(server.folder)).toBeUndefined();
  expect(await Promise.race([server.died, first.then(() => 'no death')])).toBe('no death');
});

test('settings of the caller win, and TCP asks for a password', async () => {
  await using folder = await temporaryFolder();
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', port: String(port), max_connections: '7' };
  const lines: string[] = [];
  const missing = join(folder.path, 'not', 'there', 'yet');
  await using server = await started({ folder: missing, settings, log: (line) => lines.push(line) });
  expect(await query(server, 'SHOW max_connections')).toEqual([{ max_connections: '7' }]);
  const tcp = pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await expect(tcp`SELECT 1`).rejects.toMatchObject({ code: '28P01' });
  await tcp.end();
  expect(lines.join('\n')).toContain('database system is ready to accept connections');
});

test('a bad setting fails with the line of the server that says so', async () => {
  await using folder = await temporaryFolder();
  const failure = started({ folder: folder.path, settings: { no_such_setting: '1' } });
  await expect(failure).rejects.toMatchObject({
    code: 'EMBEDDED_FAILED',
    message: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
  });
});

// Seen red without passing the signal on to initdb.
test('a start that is called off while it creates the database leaves nothing', async () => {
  await using folder = await temporaryFolder();
  const stop = new AbortController();
  const start = started({ folder: folder.path, signal: stop.signal });
  const creating = async () => ((await readdir(folder.path)).length > 0 ? true : undefined);
  expect(await until(creating, { withinMs: 10_000 })).toBe(true);
  stop.abort(new Error('called off'));
  await expect(start).rejects.toThrow('called off');
  expect(await readdir(folder.path)).toEqual([]);
});

// Seen red without the stop() in refusalOf.
test('a start that is called off while the server comes up leaves no server', async () => {
  await using folder = await temporaryFolder();
  const stop = new AbortController();
  const log = () => stop.abort(new Error('called off'));
  await expect(started({ folder: folder.path, signal: stop.signal, log })).rejects.toThrow('called off');
  expect(await readLock(join(folder.path, 'postgres'))).toBeUndefined();
});

// Seen red without isServerOf: the server itself only asks whether the process is there.
test('a lock file whose process id now belongs to another program does not keep the server from starting', async () => {
  await using folder = await temporaryFolder();
  const first = await started({ folder: folder.path, throwAway: false });
  await first.stop();
  const { uid, gid } = await stat(first.folder);
  const stranger = spawn('tail', ['-f', '/dev/null'], { uid, gid, stdio: 'ignore' });
  try {
    await writeFile(join(first.folder, 'postmaster.pid'), `${stranger.pid}\n${first.folder}\n1\n5432\n\n\n\nready\n`);
    await using second = await started({ folder: folder.path });
    expect(second.fresh).toBe(false);
  } finally {
    stranger.kill();
  }
});

test('a folder that holds something else is refused and left as it is', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'postgres'));
  await writeFile(join(folder.path, 'postgres', 'letter.txt'), 'keep me');
  await expect(started({ folder: folder.path })).rejects.toMatchObject({
    code: 'EMBEDDED_FAILED',
    message: expect.stringContaining('is not a PostgreSQL data folder'),
  });
  expect(await readFile(join(folder.path, 'postgres', 'letter.txt'), 'utf8')).toBe('keep me');
});
