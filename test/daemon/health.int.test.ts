import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../src/core/failure-policy.ts';
import { silentLog } from '../../src/core/log.ts';
import { defineProjection, type EventShape } from '../../src/index.ts';
import { CrashLoopGuard, Mutex } from '../../src/projector/crash-loop-guard.ts';
import { Progress } from '../../src/projector/progress.ts';
import { runnerByHand } from '../support/page.ts';
import { openScene, type Scene } from '../support/scene.ts';

let clock = 0;
const progress = new Progress(() => clock);
/** For how long the run had made no progress when a handler was called with the first event of a page. */
let stalled: number[] = [];
let size = 0;

const slow = defineProjection<EventShape>()({
  name: 'slow',
  schema: 'CREATE TABLE IF NOT EXISTS slow (position bigint PRIMARY KEY)',
  tables: { slow: { key: ['position'] } },
  on: {
    Noted: async (_event, { tx }) => {
      if (size === 0) {
        stalled.push(progress.stalledMs);
        clock += 40_000;
      }
      size += 1;
      // Three at once are too many for its page, whose end is the only one there is.
      if (size === 3) for (;;) await tx`SELECT pg_sleep(0.01)`;
    },
  },
});

let scene: Scene;
let positions: readonly bigint[];
beforeAll(async () => {
  scene = await openScene([slow]);
  const noted = (number: number) => ({ aggregateId: 'one', sequenceNo: number, name: 'Noted', payload: {} });
  const appended = await scene.append(
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((number) => ({ aggregateName: 'domain.Test', ...noted(number) })),
  );
  positions = appended.map(({ position }) => position);
});
afterAll(() => scene[Symbol.asyncDispose]());

function pulling(upTo: number, crashLoopGuard?: CrashLoopGuard) {
  stalled = [];
  size = 0;
  const policy = { ...DEFAULT_POLICY, pageTimeoutMs: 300, eventTimeoutMs: 60_000 };
  const failpoint = async () => {
    size = 0;
  };
  const by = runnerByHand(scene.sql, slow, { settings: { policy, failpoint }, pageSize: 4, progress, crashLoopGuard });
  by.headIs(positions[upTo - 1] ?? 0n);
  return by.run();
}

// Seen red with: `progress` not notified when a page is tried.
test('a page that is tried again with fewer events, each time up to its deadline, is not stalled', async () => {
  expect(await pulling(4)).toEqual({ kind: 'caught-up' });
  // Of four events, which runs into its deadline, then twice of two.
  expect(stalled).toEqual([0, 0, 0]);
});

// Seen red with: `progress.rests` left out of the runner.
test('a projection that waits for its turn after a crash is not stalled, however long the other projections take', async () => {
  const waited: number[] = [];
  class Crowded extends Mutex {
    override take<T>(work: () => Promise<T>): Promise<T> {
      clock += 600_000;
      waited.push(progress.stalledMs);
      return super.take(work);
    }
  }
  const start = { name: 'slow', starts: 3, position: null, deaths: 0, halted: false };
  const crashLoopGuard = new CrashLoopGuard({
    sql: scene.sql,
    name: 'slow',
    start,
    events: 2,
    mutex: new Crowded(),
    log: silentLog,
  });
  expect(await pulling(6, crashLoopGuard)).toEqual({ kind: 'caught-up' });
  expect(waited).toEqual([0, 0]);
  expect(progress.stalledMs).toBe(0);
});
