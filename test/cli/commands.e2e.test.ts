import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openBroker } from '../support/broker.ts';
import { checkout, killAll, projectionist, run, startDanceFinder, untilSaid } from '../support/command.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const broker = await openBroker();
let place: Awaited<ReturnType<typeof checkout>>;
let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  [place, database] = await Promise.all([checkout(), createTestDatabase()]);
  env = { DATABASE_URL: database.url };
});
afterAll(async () => {
  killAll();
  await Promise.all([place.remove(), database.drop(), broker?.[Symbol.asyncDispose]()]);
});

const COUNT = 3000;
const history = Array.from({ length: COUNT }, (_, index) =>
  JSON.stringify({
    aggregateName: 'domain.Band',
    aggregateId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    sequenceNo: 1,
    name: 'BandCreated',
    occurredAt: `2026-03-01T19:00:00.${String(index).padStart(6, '0')}Z`,
    payload: { name: `Band ${index}`, notes: 'x'.repeat(500) },
  }),
).join('\n');

// Seen red with: EPIPE thrown like any other error; `signal` not given to the pipeline.
test('export through a pipe is complete for a slow reader, ends without an error after `| head`, and ends at Ctrl-C', async () => {
  const { folder: cwd } = place;
  const imported = await projectionist(['import', '-'], { cwd, env, input: history });
  expect(imported).toMatchObject({ code: 0, out: `${COUNT} events imported\n` });
  const sh = async (script: string) => {
    const running = run('bash', ['-o', 'pipefail', '-c', script], { cwd, env });
    return { ...(await running.ended), out: running.out(), err: running.err() };
  };
  const command = 'node dist/src/cli/main.js export';

  const whole = await sh(`${command} | while read -r line; do echo "$line"; done | wc -l`);
  expect(whole).toMatchObject({ code: 0, out: expect.stringMatching(new RegExp(`^ *${COUNT}\n$`)), err: '' });
  const head = await sh(`${command} | head -n 2`);
  expect(head).toMatchObject({ code: 0, err: '' });
  expect(head.out.split('\n')).toHaveLength(3);

  // Without a reader the export waits until the signal. (Here stdout is a socket. A write to a full pipe blocks Node, so
  // there Ctrl-C takes effect when the reader reads on or ends.)
  const stalled = run('node', ['dist/src/cli/main.js', 'export'], { cwd, env });
  stalled.child.stdout?.pause();
  await vi.waitFor(
    async () => {
      const [{ count }] = await database.sql<[{ count: number }]>`
        SELECT count(*)::int AS count FROM pg_stat_activity
        WHERE application_name = 'projectionist:export' AND datname = current_database() AND state = 'idle' AND query LIKE '%WITH seen AS%'`;
      expect(count).toBe(1);
    },
    { timeout: 30_000, interval: 25 },
  );
  stalled.child.kill('SIGINT');
  stalled.child.stdout?.resume();
  expect(await stalled.ended).toEqual({ code: 1, signal: null });
  expect(stalled.err()).toBe('projectionist: interrupted\n');
});

test('an export into a file, imported into another store, is the same export', async () => {
  const { folder: cwd } = place;
  const other = await createTestDatabase();
  const files = await mkdtemp(join(tmpdir(), 'export-'));
  const into = (file: string, url: string) =>
    projectionist(['export', '--out', join(files, file)], { cwd, env: { DATABASE_URL: url } });
  try {
    expect(await into('a', database.url)).toEqual({ code: 0, out: `${COUNT} events exported\n`, err: '' });
    const missing = await into('b', other.url);
    expect(missing).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no table events in schema public'),
    });
    await projectionist(['import', join(files, 'a')], { cwd, env: { DATABASE_URL: other.url } });
    await into('b', other.url);
    expect(await readFile(join(files, 'b'), 'utf8')).toBe(await readFile(join(files, 'a'), 'utf8'));
  } finally {
    await rm(files, { recursive: true });
    await other.drop();
  }
});

test('watch shows the states after each command of send, goes on over a restart, and exits with 0 at Ctrl-C', async () => {
  const { folder: cwd } = place;
  const options = { cwd, env };
  const daemon = startDanceFinder([], options);
  await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
  const watching = run('node', ['dist/src/cli/main.js', 'watch', 'band'], options);
  await untilSaid(watching, /^\S+ band live \d+\/\d+$/m);

  const send = (...args: string[]) => projectionist(['send', 'band', ...args], options);
  expect(await send('PAUSE')).toEqual({ code: 0, out: 'band: PAUSE done, now idle\n', err: '' });
  // A poll may come between the change of state and its detail: then there are two lines.
  await untilSaid(watching, /^\S+ band live -> idle /m);
  await untilSaid(watching, /^\S+ band (live -> )?idle \d+\/\d+: paused by an operator$/m);
  const refused = await send('RETRY');
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toMatch(/^projectionist: RETRY means nothing to 'band' while it is idle\.paused\n$/);
  expect(await send('RESUME', '--wait')).toMatchObject({ code: 0, out: expect.stringMatching(/\nband: live\n$/) });
  await untilSaid(watching, /^\S+ band \S+ -> live /m);
  expect((await send('WAKE')).code).toBe(2);

  daemon.child.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  await untilSaid(watching, /^\S+ lost the daemon, searching for it: /m);
  const again = startDanceFinder([], options);
  await untilSaid(again, /^4 live, 0 failed, 0 paused$/m);
  await untilSaid(watching, /^\S+ the daemon answers again$/m);
  watching.child.kill('SIGINT');
  expect(await watching.ended).toEqual({ code: 0, signal: null });
  expect(watching.err()).toBe('');
  again.child.kill('SIGTERM');
  expect((await again.ended).code).toBe(0);
});

// Seen red with: PUBLISH ignored; AMQP_EXCHANGE not passed on.
test.skipIf(broker === null)(
  'with AMQP_URL a daemon publishes the events of the store, with PUBLISH=off it does not',
  async () => {
    if (broker === null) return;
    const { folder: cwd } = place;
    await projectionist(['import', '-'], { cwd, env, input: history });
    const exchange = broker.name('exchange');
    const queue = broker.name('queue');
    await broker.channel.assertExchange(exchange, 'topic', { durable: true });
    await broker.channel.assertQueue(queue);
    await broker.channel.bindQueue(queue, exchange, '#');
    const messages = async () => (await broker.channel.checkQueue(queue)).messageCount;
    const publisherRows = () => database.sql`SELECT name FROM projection_state WHERE name = '$publisher'`;

    async function whileLive(more: Readonly<Record<string, string>>, poll: () => Promise<void>): Promise<void> {
      const daemon = startDanceFinder([], {
        cwd,
        env: { ...env, AMQP_URL: broker?.url ?? '', AMQP_EXCHANGE: exchange, ...more },
      });
      await untilSaid(daemon, /^4 live, 0 failed, 0 paused$/m);
      await poll();
      daemon.child.kill('SIGTERM');
      expect(await daemon.ended).toEqual({ code: 0, signal: null });
    }

    await whileLive({ PUBLISH: 'off' }, async () => {
      const { out } = await projectionist(['status'], { cwd, env });
      expect(out).toContain('band');
      expect(out).not.toContain('$publisher');
    });
    expect([await messages(), await publisherRows()]).toEqual([0, []]);
    await whileLive({}, async () => {
      await vi.waitFor(async () => expect(await messages()).toBe(COUNT), { timeout: 30_000 });
      expect((await projectionist(['status'], { cwd, env })).out).toContain('$publisher');
    });
  },
);
