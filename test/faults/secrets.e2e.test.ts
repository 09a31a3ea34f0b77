import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkout, killAll, projectionist, startDanceFinder, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const canary = (what: string): string => `canary-${what}-${randomBytes(8).toString('hex')}`;
const TOKEN = canary('token');
const AMQP = canary('amqp');
const DATABASE = canary('database');
const PAYLOAD = canary('payload');

const user = `secret_${randomBytes(4).toString('hex')}`;
let place: Awaited<ReturnType<typeof checkout>>;
let database: TestDatabase;

beforeAll(async () => {
  [place, database] = await Promise.all([checkout(), createTestDatabase()]);
  await database.sql.unsafe(`CREATE ROLE ${user} SUPERUSER LOGIN PASSWORD '${DATABASE}'`);
});
afterAll(async () => {
  killAll();
  await place.remove();
  await database.sql.unsafe(`REASSIGN OWNED BY ${user} TO CURRENT_USER; DROP OWNED BY ${user}; DROP ROLE ${user}`);
  await database.drop();
});

// Seen red with: the token printed where the operator has set it. (In the log a secret is taken out thrice: by its key, as a URL's
// password, and as a known text.)
test('J15: no secret appears in the output, the log at level debug, a response or the output of a command, failures included', async () => {
  const { folder: cwd } = place;
  const url = new URL(database.url);
  url.username = user;
  url.password = DATABASE;
  const env = {
    DATABASE_URL: url.href,
    AMQP_URL: `amqp://guest:${AMQP}@127.0.0.1:1/vhost`,
    PROJECTIONIST_TOKEN: TOKEN,
    LOG_LEVEL: 'trace',
    RETRIES: '0',
  };
  const said: string[] = [];
  const daemon = startDanceFinder([], { cwd, env });
  await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
  expect(daemon.out()).toMatch(/^control http:\/\/127\.0\.0\.1:\d+\/$/m);
  // The schema refuses this payload, so the failure is logged, stored and shown.
  await database.sql`
    INSERT INTO events (aggregate_name, aggregate_id, sequence_no, name, payload)
    VALUES ('domain.Band', '00000000-0000-4000-8000-000000000001', 1, 'BandCreated', ${database.sql.json({ name: 1, secret: PAYLOAD })})`;
  await vi.waitFor(() => expect(daemon.err()).toContain('an event could not be applied'), { timeout: 60_000 });

  const file = JSON.parse(await readFile(join(cwd, '.projectionist/daemon.json'), 'utf8')) as {
    url: string;
    token: string;
  };
  expect(file.token).toBe(TOKEN);
  const authorization = `Bearer ${TOKEN}`;
  for (const path of [
    '/',
    '/healthz',
    '/readyz',
    '/projections',
    '/projections/band',
    '/metrics',
    `/nothing?token=${TOKEN}`,
  ]) {
    const answer = await fetch(`${file.url}${path}`, { headers: { authorization } });
    said.push(JSON.stringify([...answer.headers]), await answer.text());
  }
  for (const args of [
    ['status'],
    ['status', '--json'],
    ['status', 'band', '--json'],
    ['send', 'band', 'RETRY'],
    ['send', 'nothing', 'RESET'],
  ]) {
    const { out, err } = await projectionist(args, { cwd, env });
    said.push(out, err);
  }
  // The commands report a wrong database and a wrong password.
  for (const wrong of [`postgres://${user}:${DATABASE}@127.0.0.1:1/none`, `postgres://${user}:${DATABASE}@[/none`]) {
    const { out, err } = await projectionist(['migrate'], { cwd, env: { ...env, DATABASE_URL: wrong } });
    expect(err).not.toBe('');
    said.push(out, err);
  }
  daemon.child.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  said.push(daemon.out(), daemon.err());

  for (const secret of [TOKEN, AMQP, DATABASE, PAYLOAD, encodeURIComponent(url.href)])
    expect(
      said.filter((text) => text.includes(secret)),
      secret.slice(0, 15),
    ).toEqual([]);
});
