import { expect, test } from 'vitest';
import { generateHistory } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projections.ts';
import type { FailpointHook } from '../../src/projector/failpoint.ts';
import { readTables } from '../support/dancefinder.ts';
import { untilCaughtUp } from '../support/engine.ts';
import { gate, openScene } from '../support/scene.ts';

const TABLES = [
  'origin',
  'ignored_band',
  'ignored_dance_hall',
  'ignored_city',
  'ignored_municipality',
  'ignored_state',
] as const;

// Seen red with: one of the six left out of the tables of userpreferences.
test('23: the reset of userpreferences empties all six tables, and they fill again with the same rows', async () => {
  await using scene = await openScene(projections);
  await scene.append(...generateHistory({ seed: 23, events: 900 }));
  const [emptied, goOn] = [gate(), gate()];
  let holding = false;
  const failpoint: FailpointHook = async (point, name) => {
    if (!holding || name !== 'userpreferences' || point !== 'locked') return;
    emptied.open();
    await goOn.passed;
  };
  const daemon = await scene.start({ failpoint });
  await untilCaughtUp(daemon, scene.sql);
  const before = await readTables(scene.sql);
  for (const table of TABLES) expect(before[table]?.length, table).toBeGreaterThan(0);

  holding = true;
  expect(await daemon.send('userpreferences', 'RESET')).toMatchObject({ kind: 'done' });
  await emptied.passed;
  const within = await readTables(scene.sql);
  expect(within).toEqual({ ...before, ...Object.fromEntries(TABLES.map((table) => [table, []])) });
  holding = false;
  goOn.open();
  await untilCaughtUp(daemon, scene.sql);
  expect(await readTables(scene.sql)).toEqual(before);
});
