import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAll, projectionist, startDanceFinder, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  killAll();
  await database.drop();
});

/** On Linux no user, root included, can create a folder there. In a container with a read-only root it is EROFS everywhere. */
const READ_ONLY = '/sys';

// Seen red with: the catch left out of announceDaemon.
test.skipIf(process.platform !== 'linux')(
  'a daemon with DATABASE_URL starts in a folder that cannot be written, logs how to reach it, and exits with 0',
  async () => {
    const token = 'token-for-the-test';
    const env = { DATABASE_URL: database.url, PROJECTIONIST_TOKEN: token };
    const daemon = startDanceFinder([], { cwd: READ_ONLY, env });
    await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
    const url = /^control (\S+)$/m.exec(daemon.out())?.[1] ?? '';
    const warnings = daemon
      .err()
      .trimEnd()
      .split('\n')
      .filter((line) => !line.includes('had no event store'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({
      file: '/sys/.projectionist/daemon.json',
      msg: 'daemon.json was not written: commands reach this one by PROJECTIONIST_URL and PROJECTIONIST_TOKEN',
    });
    const status = await projectionist(['status'], { cwd: READ_ONLY, env: { ...env, PROJECTIONIST_URL: url } });
    expect(status).toMatchObject({ code: 0, err: '' });
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  },
);
