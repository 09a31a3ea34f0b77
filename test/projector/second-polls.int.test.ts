import { expect, test } from 'vitest';
import { tableOwners } from '../../src/core/table-owners.ts';
import { defineProjection, lookup, none, remove } from '../../src/index.ts';
import type { Sql, Tx } from '../../src/postgres/pool.ts';
import { resolveLookup } from '../../src/projector/lookups.ts';
import { createLedger, noted, readLedger } from '../support/noted-ledger.ts';
import { runnerByHand } from '../support/page.ts';
import { openScene } from '../support/scene.ts';

interface Noted {
  readonly name: 'Noted';
  readonly payload: { readonly text: string };
}

const band = defineProjection<Noted>()({
  name: 'band',
  schema: 'CREATE TABLE IF NOT EXISTS band (id text PRIMARY KEY, name text)',
  tables: { band: { key: ['id'] } },
  on: { Noted: () => none() },
});

/** A page of the other projection in one transaction: it writes a row and moves the cursor to this position. */
async function commitBand(sql: Sql, position: bigint): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`INSERT INTO band (id, name) VALUES ('7', 'a1')`;
    await tx`UPDATE projection_state SET cursor = ${position} WHERE name = 'band'`;
  });
}

// Seen red with: `again` null in resolveLookup (an Unignore of that name finds nothing and is lost).
test('a look-up that misses reads the row again after it has read the cursor of the other projection', async () => {
  await using scene = await openScene([band]);
  const [event] = await scene.append(...noted('a', 1, 1));
  const position = event?.position ?? 0n;
  const found = await scene.sql.begin(async (tx) => {
    let polls = 0;
    const between = new Proxy(tx, {
      get: (target, key) => {
        if (key !== 'unsafe') return Reflect.get(target, key);
        return async (...request: Parameters<Tx['unsafe']>) => {
          const rows = await target.unsafe(...request);
          polls += 1;
          if (polls === 1) await commitBand(scene.sql, position);
          return rows;
        };
      },
    });
    const query = { select: 'id', where: { name: 'a1' }, onMissing: 'nothing' } as const;
    const byName = lookup('band', query, (id) => remove('own', { id }));
    const owners = tableOwners([band]);
    return await resolveLookup(byName, { tx: between, owners, name: 'own', index: 0, position });
  });
  expect(found).toBe('7');
});

// Seen red with: retryFailedEvent without its second try (the event counts as failed, and halts without retries).
test('an event that lacks a row of another projection is tried a second time if that projection has passed it meanwhile', async () => {
  let runs = 0;
  const child = defineProjection<Noted>()({
    name: 'child',
    schema: 'CREATE TABLE IF NOT EXISTS child (id text PRIMARY KEY, band text REFERENCES band (id))',
    tables: { child: { key: ['id'] } },
    on: {
      Noted: async (event, { tx }) => {
        runs += 1;
        // At the end of the first try the other projection has passed the event; at the end of the second the row exists.
        await Promise.resolve(tx`INSERT INTO child VALUES (${event.payload.text}, '7')`).catch(
          async (error: unknown) => {
            const { sql } = scene;
            if (runs === 1) await sql`UPDATE projection_state SET cursor = ${event.position} WHERE name = 'band'`;
            if (runs === 2) await commitBand(sql, event.position);
            throw error;
          },
        );
      },
    },
  });
  await using scene = await openScene([band, child]);
  const [event] = await scene.append(...noted('a', 1, 1));
  const { run, headIs } = runnerByHand(scene.sql, child, { settings: { owners: tableOwners([band, child]) } });
  headIs(event?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'caught-up' });
  expect(runs).toBe(3);
  expect(await scene.sql`SELECT id, band FROM child`).toEqual([{ id: 'a1', band: '7' }]);
});

// Seen red with: `locked.status === 'halted'` taken out of page-transaction.ts (in order, folded), and with it the condition of
// advanceOrFail (one round trip).
test.each([
  ['event by event', { singleRoundTrip: false, foldFrom: 100 }],
  ['folded', { singleRoundTrip: false, foldFrom: 1 }],
  ['in one round trip', { singleRoundTrip: true, foldFrom: 100 }],
])('a run that loaded the row before it was halted stops at the halt (%s)', async (_how, settings) => {
  const { projection } = createLedger();
  await using scene = await openScene([projection]);
  const [first] = await scene.append(...noted('a', 1, 1));
  const { run, headIs } = runnerByHand(scene.sql, projection, { settings });
  headIs(first?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'caught-up' });
  // Another daemon halts the row for lost integrity, of which there is no failure of an event.
  await scene.sql`UPDATE projection_state SET status = 'halted', alarm = 'damaged' WHERE name = 'ledger'`;
  const [second] = await scene.append(...noted('a', 2, 1));
  headIs(second?.position ?? 0n);
  expect(await run()).toMatchObject({ kind: 'halted' });
  expect(await readLedger(scene.sql)).toEqual(['a1']);
  expect(await scene.row('ledger')).toMatchObject({ status: 'halted', cursor: first?.position });
});
