import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsSql } from '../../src/event-store/event-source.ts';
import { flushIdleCheckpoints } from '../../src/state/projection-state.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { openScene, type Scene } from '../support/scene.ts';

const names = ['moved', 'unchecked', 'paused', 'halted', 'reset', 'further', 'held', 'gone'] as const;
const projections = names.map((name) => createLedger({ name }).projection);

let scene: Scene;
let ids: readonly string[];

beforeAll(async () => {
  scene = await openScene(projections);
  ids = (await scene.append(...noted('a', 1, 3))).map(({ id }) => id);
  await scene.sql`UPDATE projection_state SET starts = 2`;
  await scene.sql`UPDATE projection_state SET status = name WHERE name IN ('paused', 'halted')`;
  await scene.sql`UPDATE projection_state SET generation = 1 WHERE name = 'reset'`;
  await scene.sql`UPDATE projection_state SET cursor = 1 WHERE name = 'further'`;
});
afterAll(async () => await scene[Symbol.asyncDispose]());

// Seen red with: each of `status = 'running'`, `generation`, `cursor`, SKIP LOCKED, `e.id = m.stop_id`,
// `m.stop_id IS NULL`, `starts = 0` left out of flushIdleCheckpoints.
test('a checkpoint flush changes only a running row that is not locked and is at the start of the move, over events that are still in the store', async () => {
  const before = await scene.sql<{ name: string; xmin: string }[]>`
    SELECT *, xmin::text FROM projection_state ORDER BY name`;
  const toIds = new Map<string, string | null>([
    ['gone', ids[0] ?? ''],
    ['unchecked', null],
  ]);
  const moves = names.map((name) => {
    const toId = toIds.has(name) ? (toIds.get(name) ?? null) : (ids[2] ?? '');
    return { name, from: 0n, to: 3n, toId, generation: 0n, newest: 1n };
  });
  const stays = await scene.sql.begin(async (tx) => {
    await tx`SELECT FROM projection_state WHERE name = 'held' FOR UPDATE`;
    return await flushIdleCheckpoints(scene.sql, eventsSql, moves, 'test');
  });
  expect(Object.fromEntries(stays.map(({ name, ...stay }) => [name, stay]))).toEqual({
    paused: { cursor: 0n, generation: 0n, takenBack: false },
    halted: { cursor: 0n, generation: 0n, takenBack: false },
    reset: { cursor: 0n, generation: 1n, takenBack: false },
    further: { cursor: 1n, generation: 0n, takenBack: false },
    held: { cursor: 0n, generation: 0n, takenBack: false },
    gone: { cursor: 0n, generation: 0n, takenBack: true },
  });
  const unmoved = names.filter((name) => name !== 'moved' && name !== 'unchecked');
  expect(
    await scene.sql`SELECT *, xmin::text FROM projection_state WHERE name = ANY(${unmoved}::text[]) ORDER BY name`,
  ).toEqual(before.filter(({ name }) => unmoved.some((one) => one === name)));
  const moved = await scene.sql`
    SELECT name, cursor, last_event_id, owner, starts FROM projection_state WHERE name IN ('moved', 'unchecked') ORDER BY name`;
  expect(moved).toEqual(
    ['moved', 'unchecked'].map((name) => ({ name, cursor: 3n, last_event_id: ids[2], owner: 'test', starts: 0 })),
  );
  expect(await scene.sql`SELECT name FROM readviews WHERE position <> 0 ORDER BY name`).toEqual([
    { name: 'moved' },
    { name: 'unchecked' },
  ]);
});

// Seen red with: `d.newest > r.position` left out of flushIdleCheckpoints.
test('readviews follows a checkpoint flush, and never goes back', async () => {
  await scene.sql`UPDATE projection_state SET cursor = 0, status = 'running', generation = 0`;
  await scene.sql`UPDATE readviews SET position = 500`;
  const move = { from: 0n, to: 3n, toId: ids[2] ?? '', generation: 0n };
  const times = { moved: 501n, paused: 499n, halted: null };
  const moves = Object.entries(times).map(([name, newest]) => ({ name, ...move, newest }));
  expect(await flushIdleCheckpoints(scene.sql, eventsSql, moves, 'test')).toEqual([]);
  expect(await scene.sql`SELECT name FROM readviews WHERE position <> 500`).toEqual([{ name: 'moved' }]);
});
