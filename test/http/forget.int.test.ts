import { expect, test } from 'vitest';
import { create, defineProjection } from '../../src/index.ts';
import { startDaemon, untilCaughtUp } from '../support/engine.ts';
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
test('a projection that is declared no more is forgotten: every row about it goes, its tables stay and are named', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection, gone]);
  await scene.append(...noted('a', 1, 2));
  const both = await scene.start({ retries: 0 });
  await untilCaughtUp(both, scene.sql, ['ledger']);
  await both.send('gone', 'RETRY');
  await expect(both.forget('gone')).rejects.toMatchObject({ code: 'FORGET_REFUSED' });
  await both.stop();
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
    expect([...(await rowsAbout('gone'))].filter(([, n]) => n > 0)).toEqual([]);
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
