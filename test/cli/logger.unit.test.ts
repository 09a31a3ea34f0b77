import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../src/cli/start/logger.ts';

async function logged(
  secrets: readonly string[],
  write: (log: ReturnType<typeof createLogger>) => void,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'logger-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  write(createLogger({ level: 'info', secrets, fd }));
  closeSync(fd);
  return readFile(file, 'utf8');
}

describe('the log', () => {
  it('is one JSON object a line, from its level on', async () => {
    const text = await logged([], (log) => {
      log.debug('not this');
      log.info({ name: 'band' }, 'projection.live');
    });
    expect(text.split('\n')).toHaveLength(2);
    expect(JSON.parse(text)).toMatchObject({
      level: 30,
      name: 'band',
      msg: 'projection.live',
      time: expect.stringMatching(/Z$/),
    });
  });

  it('holds no secret in any part of a line (J15)', async () => {
    const secrets = ['canary-token', 'canary "quoted" \\ password'];
    const text = await logged(secrets, (log) => {
      log.info(
        { token: 'canary-key-1', config: { databaseUrl: 'canary-key-2', deep: { password: 'canary-key-3' } } },
        'x',
      );
      log.info({ header: 'Bearer canary-token' }, 'with canary-token');
      log.error({ err: new Error('canary-token and canary "quoted" \\ password') }, 'failed');
      log.error('no route to postgres://user:canary-other@db/app');
      log.child({ authorization: 'canary-key-4' }).info('y');
    });
    expect(text).toContain('[redacted]');
    expect(text).not.toMatch(/canary/);
    for (const line of text.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    expect(text).toContain('postgres://user:[redacted]@db/app');
  });

  // Seen red with: `pretty` applied to the line as it was before the redaction.
  it('is a line for a person where it is readable, with its fields, and without a secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'logger-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const fd = openSync(join(folder, 'log'), 'w');
    const log = createLogger({ level: 'info', secrets: ['canary-token'], fd, readable: true, colours: false });
    log.warn({ name: 'band', token: 'a-key', header: 'canary-token' }, 'it halts');
    closeSync(fd);
    const text = await readFile(join(folder, 'log'), 'utf8');
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\] WARN \(band\): it halts \{.*"header":"\[redacted\]".*\}\n$/);
    expect(text).not.toMatch(/canary|a-key|pid/);
  });

  it('does not redact a short secret, which occurs in ordinary words', async () => {
    expect(await logged(['a'], (log) => log.info('banana'))).toContain('banana');
  });

  it.skipIf(process.platform === 'win32')('loses lines when its reader has gone, and throws nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'logger-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const pipe = join(folder, 'pipe');
    execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(pipe, 'w');
    closeSync(reader);
    expect(() => writeSync(fd, 'x')).toThrow(/EPIPE/);
    const log = createLogger({ level: 'info', secrets: [], fd });
    for (let line = 0; line < 100; line += 1) log.info('into nothing');
    await new Promise(setImmediate);
    closeSync(fd);
  });

  // Seen red with: the listener on 'drop' left out (0 lines); the one on 'write' left out (nothing is said).
  it.skipIf(!existsSync('/dev/full'))(
    'survives a full disk, says so once, and later how many lines are lost',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'logger-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const fd = openSync('/dev/full', 'w');
      const lost: unknown[] = [];
      const log = createLogger({
        level: 'info',
        secrets: [],
        fd,
        onLost: (error) => lost.push(Reflect.get(error, 'code')),
      });
      log.info('kept');
      for (let line = 0; line < 3; line += 1) log.info('x'.repeat(1024 * 1024));
      expect(lost).toEqual(['ENOSPC']);
      // The same descriptor, on a disk with space.
      const file = join(folder, 'log');
      closeSync(fd);
      expect(openSync(file, 'w')).toBe(fd);
      log.info('again');
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      const lines = (await readFile(file, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      closeSync(fd);
      expect(lines.map(({ msg }) => msg)).toEqual(['kept', 'again', expect.stringContaining('are lost')]);
      expect(lines.at(-1)).toMatchObject({ level: 40, lines: 3 });
    },
  );
});
