import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { StoredEvent } from '../../src/core/event.ts';
import { CrashLoopGuard, Mutex } from '../../src/projector/crash-loop-guard.ts';
import type { PageOutcome } from '../../src/projector/page-outcome.ts';
import { beginAttempt, noteStart, type StartNote } from '../../src/state/attempts.ts';
import { createLedger, noted } from '../support/noted-ledger.ts';
import { runnerByHand } from '../support/page.ts';
import { capturingLog, gate, openScene, type Scene } from '../support/scene.ts';

const { projection } = createLedger();
let scene: Scene;
let events: readonly StoredEvent[];

beforeAll(async () => {
  scene = await openScene([projection]);
  await scene.append(...noted('a', 1, 2));
  events = await scene.sql<StoredEvent[]>`SELECT position, id, name FROM events ORDER BY position`;
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => void (await scene.sql`DELETE FROM projection_attempts`));

const attempts = async () => await scene.sql`SELECT position, deaths FROM projection_attempts`;

function event(index: number): StoredEvent {
  const found = events[index];
  if (found === undefined) throw new Error(`there is no event ${index}`);
  return found;
}

function careful(start: Partial<StartNote> = {}, log = capturingLog(), mutex = new Mutex()) {
  const note = { name: 'ledger', starts: 3, position: null, deaths: 0, halted: false, ...start };
  return new CrashLoopGuard({ sql: scene.sql, name: 'ledger', start: note, events: 2, mutex, log });
}

const at = { cursor: 0n, generation: 0n };
const never = new AbortController().signal;
const applied: PageOutcome = { kind: 'applied', cursor: 1n, mode: 'in_order' };

// Seen red with: `endAttempt` left out of #end (after two restarts for any reason the event counts as deadly).
test('an attempt that the process has survived leaves no record, whatever its outcome', async () => {
  const crashLoopGuard = careful();
  expect(await crashLoopGuard.attempt(event(0), at, async () => applied, never)).toBe(applied);
  expect(await attempts()).toEqual([]);
  const failing = crashLoopGuard.attempt(event(1), at, () => Promise.reject(new Error('no connection')), never);
  await expect(failing).rejects.toThrow('no connection');
  expect(await attempts()).toEqual([]);
  expect(crashLoopGuard.on).toBe(false);
});

// Seen red with: `endAttempt` awaited in the finally of `attempt` (its error replaces the outcome).
test('a record that cannot be removed hides neither a pending halt nor an error, and the next event is tried alone too', async () => {
  const log = capturingLog();
  const crashLoopGuard = careful({}, log);
  const halt = { kind: 'must halt' } as PageOutcome;
  await scene.sql.unsafe(`
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER keep BEFORE DELETE ON projection_attempts FOR EACH ROW EXECUTE FUNCTION keep()`);
  try {
    expect(await crashLoopGuard.attempt(event(0), at, async () => halt, never)).toBe(halt);
    const failing = crashLoopGuard.attempt(event(0), at, () => Promise.reject(new Error('no connection')), never);
    await expect(failing).rejects.toThrow('no connection');
  } finally {
    await scene.sql.unsafe('DROP TRIGGER keep ON projection_attempts; DROP FUNCTION keep()');
  }
  expect(log.lines.map(({ level, fields }) => [level, fields['position']])).toEqual(
    Array.from({ length: 2 }, () => ['warn', event(0).position]),
  );
  expect(crashLoopGuard.on).toBe(true);
  await crashLoopGuard.attempt(event(0), at, async () => applied, never);
  await crashLoopGuard.attempt(event(1), at, async () => applied, never);
  expect(await attempts()).toEqual([]);
  expect(crashLoopGuard.on).toBe(false);
});

// Seen red with: `signal.throwIfAborted()` left out (a daemon that stops begins one more event, which may end the process).
test('an attempt whose turn comes after the stop applies and records nothing', async () => {
  const mutex = new Mutex();
  const [goOn, stop] = [gate(), new AbortController()];
  const first = mutex.take(() => goOn.passed);
  let runs = 0;
  const late = careful({}, capturingLog(), mutex).attempt(
    event(0),
    at,
    async () => {
      runs += 1;
      return applied;
    },
    stop.signal,
  );
  stop.abort(new Error('the daemon is stopping'));
  goOn.open();
  await first;
  await expect(late).rejects.toThrow('the daemon is stopping');
  expect([runs, await attempts()]).toEqual([0, []]);
});

// Seen red with: `deaths` of beginAttempt kept for another position (two ended processes with different events, one halt).
test('processes that ended at one event do not count against another', async () => {
  const dies = async (index: number) => {
    await beginAttempt(scene.sql, 'ledger', event(index));
    return (await noteStart(scene.sql, ['ledger'])).get('ledger');
  };
  expect(await dies(0)).toMatchObject({ position: event(0).position, deaths: 1 });
  expect(await dies(1)).toMatchObject({ position: event(1).position, deaths: 1 });
  expect(await dies(1)).toMatchObject({ position: event(1).position, deaths: 2 });
});

// Seen red with: the check of #isStale before a page is applied left out (the handler runs for an event that is gone, and
// only the transaction of the page refuses it).
test('a page that was read before a connection was lost is read again, since a crash may have taken its events back', async () => {
  const { projection: other, calls } = createLedger({ name: 'other' });
  await using own = await openScene([other]);
  const [gone] = await own.append(...noted('gone', 1, 1));
  let failedOver = false;
  const reader = new Proxy(own.sql, {
    apply: (target, self, request) => {
      const [texts] = request as [TemplateStringsArray];
      const answer: unknown = Reflect.apply(target, self, request);
      if (failedOver || !texts[0]?.includes('WITH seen AS')) return answer;
      failedOver = true;
      return (answer as Promise<unknown>).then(async (rows) => {
        await own.sql`DELETE FROM events`;
        const [stands] = await own.append(...noted('stands', 1, 1));
        headIs(stands?.position ?? 0n);
        lost();
        return rows;
      });
    },
  });
  const { run, headIs, lost } = runnerByHand(own.sql, other, { reader });
  headIs(gone?.position ?? 0n);
  expect(await run()).toEqual({ kind: 'caught-up' });
  expect(failedOver).toBe(true);
  expect(await own.sql`SELECT text FROM other`).toEqual([{ text: 'stands1' }]);
  expect(calls).toHaveLength(1);
});
