import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { untilCaughtUp } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { openScene } from '../support/scene.ts';
import { openServed } from '../support/served.ts';

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

async function get(base: string, path: string): Promise<Answer> {
  const answer = await fetch(new URL(path, base));
  return { status: answer.status, json: (await answer.json()) as Answer['json'] };
}

// Seen red with: 42P01 left out of DONE_TO_US (500, "something went wrong inside"); examine never called by
// DatabaseTrouble (the text of PostgreSQL, and nothing to do).
test('a schema that is renamed while the daemon runs is said, with what to do, by status and readiness; nothing is halted', async () => {
  const { projection } = createLedger();
  await using served = await openServed([projection], { requeueEveryMs: 60_000 });
  const { scene } = served;
  const daemon = await served.start();
  await scene.append(...noted('a', 1, 2));
  await untilCaughtUp(daemon, scene.sql);
  await scene.database.sql.unsafe('ALTER SCHEMA public RENAME TO elsewhere');
  await vi.waitFor(
    async () => {
      const { status, json } = await get(served.url(), '/projections');
      expect(status).toBe(200);
      const [one] = json['projections'] as readonly ProjectionStatus[];
      expect(one?.detail).toContain("schema 'public' no longer exists, it was renamed or dropped: rename it back");
      expect(one?.failure).toBeNull();
      expect(one).toMatchObject({ lagEvents: null, lagSeconds: null, behindSeconds: null });
    },
    { timeout: 20_000, interval: 20 },
  );
  const ready = await get(served.url(), '/readyz');
  expect(ready).toEqual({ status: 503, json: { status: 'unavailable', store: expect.stringContaining('SCHEMA set') } });
  expect((await get(served.url(), '/healthz')).status).toBe(200);
  // What status cannot tell from memory is refused in words too.
  for (const path of ['/projections/ledger/failures', '/projections/ledger/transitions', '/commands']) {
    expect(await get(served.url(), path)).toMatchObject({ status: 503, json: { code: 'STORE_REFUSED' } });
  }
  expect(await (await fetch(new URL('/metrics', served.url()))).text()).not.toMatch(/^projectionist_(lag|behind)_/m);
  await scene.database.sql.unsafe('ALTER SCHEMA elsewhere RENAME TO public');
  await scene.append(...noted('a', 3, 1));
  await untilCaughtUp(daemon, scene.sql);
  expect(await readLedger(scene.sql)).toEqual(['a1', 'a2', 'a3']);
  await vi.waitFor(async () => expect((await get(served.url(), '/readyz')).json).toEqual({ status: 'ready' }), {
    timeout: 20_000,
    interval: 20,
  });
});

// Seen red with: `highWaterMark.latest() ?? 0n` in readStatuses; `away` left out there.
test.each([
  ['the table of events is renamed', 'ALTER TABLE events RENAME TO gone', 'ALTER TABLE gone RENAME TO events'],
  [
    'the right to read events is taken',
    'REVOKE SELECT ON events FROM CURRENT_ROLE',
    'GRANT SELECT ON events TO CURRENT_ROLE',
  ],
  [
    'the table of states is renamed',
    'ALTER TABLE projection_state RENAME TO gone',
    'ALTER TABLE gone RENAME TO projection_state',
  ],
  ['the table of positions is renamed', 'ALTER TABLE readviews RENAME TO gone', 'ALTER TABLE gone RENAME TO readviews'],
])('while %s, the lag is not known, and the line says why; afterwards it is known again', async (_what, gone, back) => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const role = `test_owner_${randomBytes(4).toString('hex')}`;
  const admin = scene.database.sql;
  await admin.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  await admin.unsafe(`ALTER SCHEMA public OWNER TO ${role}`);
  const owned =
    await admin`SELECT c.oid::regclass::text AS name FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`;
  for (const { name } of owned) await admin.unsafe(`ALTER TABLE ${name} OWNER TO ${role}`);
  const url = new URL(scene.database.url);
  url.username = role;
  url.password = 'x';
  const change = (text: string) => admin.begin(async (tx) => void (await tx.unsafe(`SET LOCAL ROLE ${role}; ${text}`)));
  try {
    const daemon = await scene.start({ database: { url: url.href } });
    await scene.append(...noted('a', 1, 2));
    await untilCaughtUp(daemon, scene.sql);
    const until = (lagEvents: number | null, detail: unknown) =>
      vi.waitFor(async () => expect(await daemon.status()).toMatchObject([{ state: 'live', lagEvents, detail }]), {
        timeout: 30_000,
        interval: 20,
      });
    await change(gone);
    await until(null, expect.stringMatching(/does not exist|permission denied|no table/));
    await change(back);
    await until(0, null);
    await daemon.stop();
  } finally {
    await admin.unsafe(`REASSIGN OWNED BY ${role} TO CURRENT_ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

// Seen red with: examine never called by DatabaseTrouble (nothing is logged of the policy, and the metric stays 0).
test('row level security that comes onto a quiet store is shown by status, readiness, metric and log with the next scheduled look', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const user = `test_hidden_${randomBytes(4).toString('hex')}`;
  const admin = scene.database.sql;
  await admin.unsafe(`CREATE ROLE ${user} LOGIN PASSWORD 'x'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO ${user};
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ${user}`);
  const url = new URL(scene.database.url);
  url.username = user;
  url.password = 'x';
  const problems: unknown[] = [];
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: (fields: object) => void problems.push(fields) };
  try {
    const daemon = await scene.start({ database: { url: url.href }, requeueEveryMs: 200, log });
    await scene.append(...noted('a', 1, 1));
    await untilCaughtUp(daemon, scene.sql);
    await admin.unsafe('ALTER TABLE events ENABLE ROW LEVEL SECURITY');
    const words = `row level security applies to role ${user} on 'events'`;
    await vi.waitFor(
      async () => {
        expect((await daemon.status())[0]?.detail).toContain(words);
        expect(daemon.storeProblem()).toContain('give the role BYPASSRLS');
        expect(daemon.ready()).toBe(false);
        expect(await daemon.metrics()).toMatchObject({ storeWrong: true });
      },
      { timeout: 20_000, interval: 20 },
    );
    expect(problems).toContainEqual({ problem: expect.stringContaining(words) });
    await admin.unsafe('ALTER TABLE events DISABLE ROW LEVEL SECURITY');
    await vi.waitFor(() => expect([daemon.ready(), daemon.storeProblem()]).toEqual([true, null]), {
      timeout: 20_000,
      interval: 20,
    });
    await daemon.stop();
  } finally {
    await admin.unsafe(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  }
});
