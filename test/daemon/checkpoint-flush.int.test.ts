import { expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import { flushCheckpoints } from '../../src/daemon/checkpoint-flush.ts';
import { create, defineProjection, lookup } from '../../src/index.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { runnerByHand } from '../support/page.ts';
import { openScene } from '../support/scene.ts';

interface Rare {
  readonly name: 'Rare';
  readonly payload: object;
}

const { projection: parent } = createLedger({ name: 'parent' });
const child = defineProjection<Rare>()({
  name: 'child',
  schema: 'CREATE TABLE IF NOT EXISTS child (position bigint PRIMARY KEY)',
  tables: { child: { key: ['position'] } },
  on: {
    Rare: ({ position }) =>
      lookup('parent', { select: 'text', where: { text: 'none' }, onMissing: 'nothing' }, () =>
        create('child', { position }),
      ),
  },
});

// Seen red with: `waitsForAnother` always false (the second flush comes after 10 s of the clock, since the rows are
// many), and with `wanted` false in flushIdleCheckpoints.
test('a checkpoint that another projection waits for is stored with the next tick, among however many others', async () => {
  await using scene = await openScene([parent, child]);
  const { sql } = scene;
  const settings = { owners: tableOwners([parent, child]) };
  const [one, other] = [runnerByHand(sql, parent), runnerByHand(sql, child, { settings })];
  const workers = new Map([
    ['parent', { runner: one.runner }],
    ['child', { runner: other.runner }],
    // Rows that do not exist: they are never found moved, so each tick counts them.
    ...Array.from({ length: 3000 }, (_, index) => [`other_${index}`, { runner: one.runner }] as const),
  ]);
  const [first] = await scene.append(...noted('a', 1, 1, { name: 'Unheard' }));
  // Not `expect.poll`, which advances a simulated clock while it waits.
  const untilStored = async (position: bigint | undefined): Promise<void> => {
    const end = performance.now() + 10_000;
    const stored = async () => (await scene.row('parent'))?.['cursor'];
    while ((await stored()) !== position && performance.now() < end);
    expect(await stored()).toBe(position);
  };

  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  const flushes = flushCheckpoints(workers, { sql, owner: 'test', onTakenBack: () => undefined, log: silentLog });
  try {
    one.headIs(first?.position ?? 0n);
    expect(await one.run()).toEqual({ kind: 'caught-up' });
    vi.advanceTimersByTime(1000);
    await untilStored(first?.position);

    const [second] = await scene.append(...noted('a', 2, 1, { name: 'Rare' }));
    for (const { headIs } of [one, other]) headIs(second?.position ?? 0n);
    expect(await one.run()).toEqual({ kind: 'caught-up' });
    expect(await other.run()).toMatchObject({ kind: 'waiting' });
    vi.advanceTimersByTime(1000);
    await untilStored(second?.position);
    expect(await other.run()).toEqual({ kind: 'caught-up' });
  } finally {
    flushes.unsubscribe();
    vi.useRealTimers();
  }
});
