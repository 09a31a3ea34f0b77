import { expect, test } from 'vitest';
import { create, defineProjection } from '../../src/index.ts';
import { unregister } from '../../src/operations/unregister.ts';
import { tidyCommands } from '../../src/state/commands.ts';
import { startDaemon, untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { gate, openScene } from '../support/scene.ts';

const gone = defineProjection<{ name: 'Noted'; payload: { text: string } }>()({
  name: 'gone',
  schema: 'CREATE TABLE IF NOT EXISTS gone_rows (position bigint PRIMARY KEY)',
  tables: { gone_rows: { key: ['position'] } },
  on: {
    Noted: ({ position, payload }) => {
      if (payload.text === 'a2') throw new Error('not a2');
      return create('gone_rows', { position });
    },
  },
});

// Seen red with: one DELETE after the other left out; the names of `declared` not looked at; the transaction's rollback
// (an error thrown after the first DELETE, with sql in place of tx).
test('a projection that is declared no more is forgotten: its rows go but for the audit trail, its tables stay and are named', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection, gone]);
  await scene.append(...noted('a', 1, 2));
  const both = await scene.start({ retries: 0 });
  await untilCaughtUp(both, scene.sql, ['ledger']);
  await both.send('gone', 'RETRY');
  await expect(both.forget('gone')).rejects.toMatchObject({ code: 'FORGET_REFUSED' });
  await both.stop();
  // Its process died in an attempt.
  await scene.sql`
    INSERT INTO projection_attempts (name, position, event_id, event_name, running)
    SELECT 'gone', position, id, name, true FROM events LIMIT 1`;
  const tables = (
    await scene.sql<{ table: string }[]>`
    SELECT table_name AS table FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'name' AND table_name ~ '^(projection_|readviews)'`
  ).map(({ table }) => table);
  const rowsAbout = async (name: string) => {
    const counts = await Promise.all(
      tables.map(async (table) => {
        const [row] = await scene.sql<[{ n: number }]>`
          SELECT count(*)::int AS n FROM ${scene.sql(table)} WHERE name = ${name}`;
        return [table, row.n] as const;
      }),
    );
    return new Map(counts);
  };
  const before = await rowsAbout('gone');
  expect([...before].filter(([, n]) => n === 0)).toEqual([]);
  const ledger = await rowsAbout('ledger');

  const daemon = await startDaemon(scene.database, [projection], { id: 'one' });
  try {
    for (const name of ['ledger', '$publisher'])
      await expect(daemon.forget(name)).rejects.toMatchObject({ code: 'FORGET_REFUSED' });
    await expect(daemon.forget('nope')).rejects.toMatchObject({
      code: 'PROJECTION_UNKNOWN',
      fields: { known: 'gone, ledger' },
    });
    expect(await rowsAbout('gone')).toEqual(before);
    expect(await daemon.forget('gone')).toEqual(['gone_rows']);
    expect(new Map([...(await rowsAbout('gone'))].filter(([, n]) => n > 0))).toEqual(
      new Map([
        ['projection_commands', before.get('projection_commands')],
        ['projection_transitions', (before.get('projection_transitions') ?? 0) + 1],
      ]),
    );
    expect((await daemon.transitions('gone'))[0]).toMatchObject({
      from: 'halted',
      to: 'forgotten',
      cause: 'FORGET',
      detail: 'its tables stay: gone_rows',
      daemon: 'one',
    });
    expect((await rowsAbout('ledger')).get('projection_state')).toBe(ledger.get('projection_state'));
    expect(await scene.sql`SELECT count(*) FROM gone_rows`).toEqual([{ count: 1n }]);
    await expect(daemon.forget('gone')).rejects.toMatchObject({ code: 'PROJECTION_UNKNOWN' });
  } finally {
    await daemon.stop();
  }
});

// Seen red with: `lock_timeout` left out (the call then waits as long as the page).
test('one that another daemon is working on is not forgotten', async () => {
  const { projection } = createLedger();
  const [working, goOn] = [gate(), gate()];
  await using scene = await openScene([projection, gone]);
  await scene.append(...noted('a', 1, 1));
  await scene.start({
    failpoint: async (point, name) => {
      if (name !== 'gone' || point !== 'locked') return;
      working.open();
      await goOn.passed;
    },
  });
  await working.passed;
  const other = await startDaemon(scene.database, [projection], { id: 'two' });
  try {
    await expect(other.forget('gone')).rejects.toMatchObject({
      code: 'FORGET_REFUSED',
      message: "'gone' was not forgotten, nothing changed: another daemon works on it; stop that one first",
    });
  } finally {
    goOn.open();
    await other.stop();
  }
});

// Seen red with: the UPDATE of pending commands left out; the second condition of tidyCommands.
test('commands of a forgotten projection end, stay in the log, and age out with its changes of state', async () => {
  await using scene = await openScene([gone]);
  await scene.sql`INSERT INTO projection_commands (name, event) VALUES ('gone', 'RESET')`;
  expect(await unregister(scene.sql, 'gone', { declared: [], by: 'one' })).toEqual(['gone_rows']);
  const log = () => scene.sql`SELECT event, state, code, carried_out_by AS by FROM projection_commands`;
  const left = [{ event: 'RESET', state: 'failed', code: 'PROJECTION_UNKNOWN', by: 'one' }];
  expect(await log()).toEqual(left);
  await tidyCommands(scene.sql);
  expect(await log()).toEqual(left);
  expect(await scene.sql`SELECT to_state FROM projection_transitions`).toEqual([{ to_state: 'forgotten' }]);
  await scene.sql`UPDATE projection_commands SET ended_at = now() - interval '91 days'`;
  await scene.sql`UPDATE projection_transitions SET at = now() - interval '91 days'`;
  await tidyCommands(scene.sql);
  expect([await log(), await scene.sql`SELECT FROM projection_transitions`]).toEqual([[], []]);
});

// Seen red with: the second loop of createRowWatch left out (the state stays live); `gone` left out of toStatus.
test('the daemon that ran a projection which another one forgot says so, and shows no figure of before', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection, gone]);
  await scene.append(...noted('a', 1, 1));
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  await unregister(scene.sql, 'gone', { declared: [], by: 'another' });
  const said = { detail: expect.stringContaining('forgotten through another daemon: remove it from the config') };
  const now = async () => (await daemon.status()).find(({ name }) => name === 'gone');
  expect(await now()).toMatchObject({ ...said, cursor: '0', position: 0, ratePerSecond: 0, etaSeconds: null });
  await untilStatus(daemon, 'gone', ({ state, owner }) => state === 'idle' && owner === null);
  expect(await now()).toMatchObject(said);
  expect((await daemon.status()).find(({ name }) => name === 'ledger')).toMatchObject({ state: 'live', detail: null });
});
