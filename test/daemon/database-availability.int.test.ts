import { expect, test, vi } from 'vitest';
import { untilApplied, untilCaughtUp, untilStatus } from '../support/engine.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { capturingLog, gate, openScene } from '../support/scene.ts';

// Seen red with: `backingOff.onTransition` never called.
test('a projection backs off from a database that stays read-only, and status has the start of that', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const readOnly = async (on: boolean): Promise<void> => {
    const [{ name }] = await scene.sql<[{ name: string }]>`SELECT current_database() AS name`;
    await scene.sql.unsafe(`ALTER DATABASE ${name} SET default_transaction_read_only = ${on ? 'on' : 'off'}`);
    await scene.sql`
      SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND (application_name LIKE 'projectionist:%' OR application_name LIKE 'proj:%')`;
  };
  const daemon = await scene.start();
  await untilCaughtUp(daemon, scene.sql);
  await readOnly(true);
  await scene.append(...noted('a', 1, 1));
  const first = await untilStatus(daemon, 'ledger', ({ backingOffSince }) => backingOffSince !== null);
  const later = await untilStatus(
    daemon,
    'ledger',
    ({ detail }) => detail?.startsWith('backing off since 2') === true && detail.includes('read-only'),
  );
  expect(later.backingOffSince).not.toBeNull();
  expect(Date.parse(later.backingOffSince ?? '')).toBeGreaterThanOrEqual(Date.parse(first.backingOffSince ?? ''));
  await readOnly(false);
  await untilCaughtUp(daemon, scene.sql);
  expect(await untilStatus(daemon, 'ledger', ({ state }) => state === 'live')).toMatchObject({ backingOffSince: null });
});

// Seen red with: the check of 57014 left out of applyPage (the same page again, and then for ever).
test('a page of which a statement ran into its time limit is tried with fewer events', async () => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const log = capturingLog();
  const inPage = gate();
  let stopped = 0;
  await scene.append(...noted('a', 1, 40));
  const held = scene.sql.begin(async (tx) => {
    await tx`SELECT FROM readviews WHERE name = 'ledger' FOR UPDATE`;
    await inPage.passed;
    // The effect of a statement_timeout, at the moment that the test chooses: the page waits before it stores its position.
    await vi.waitFor(
      async () => {
        const [row] = await scene.sql<{ pid: number }[]>`
          SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE 'proj:%' AND wait_event_type = 'Lock'`;
        if (row === undefined) throw new Error('no page waits');
        await scene.sql`SELECT pg_cancel_backend(${row.pid})`;
        stopped += 1;
      },
      { timeout: 20_000, interval: 5 },
    );
  });
  const daemon = await scene.start({
    log,
    failpoint: (point) => {
      if (point === 'rows-written') inPage.open();
    },
  });
  await held;
  await untilCaughtUp(daemon, scene.sql);
  expect(stopped).toBe(1);
  expect(await readLedger(scene.sql)).toHaveLength(40);
  const smaller = log.lines.filter(({ message }) => message.includes('tried again with fewer events'));
  expect(smaller.map(({ fields }) => [fields['events'], fields['next']])).toEqual([[40, 20]]);
});

// Seen red with: `page.after` put back to `work.cursor` in applySlice.
test('the position of a projection does not go back when an event fails right after events that it does not handle', async () => {
  const { projection } = createLedger({
    handle: (event, row) => {
      if (event.payload.text === 'bad1') throw new Error('not this one');
      return row;
    },
  });
  await using scene = await openScene([projection]);
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  const passed = await scene.append(...noted('unheard', 1, 3, { name: 'Unheard' }));
  await untilApplied(daemon, scene.sql);
  const places: bigint[] = [];
  const stop = daemon.onTransition(({ to }) => {
    if (to === 'failed.halted') void scene.row('ledger').then(({ cursor }) => places.push(cursor));
  });
  await scene.append(...noted('bad', 1, 1));
  const { cursor } = await untilStatus(daemon, 'ledger', ({ state }) => state === 'failed');
  await vi.waitFor(() => expect(places).not.toEqual([]));
  stop();
  expect([places, cursor]).toEqual([[passed[2]?.position], String(passed[2]?.position)]);
  expect(daemon.unhandled()).toEqual([{ name: 'Unheard', events: 3, position: cursor }]);
});
