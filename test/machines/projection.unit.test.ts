import { describe, expect, test } from 'vitest';
import type { ProjectionEvent } from '../../machines/projection-parts.ts';
import { STATES } from '../../src/core/status.ts';
import {
  type Answer,
  createRig,
  delivered,
  fits,
  type Leaf,
  LONG_MS,
  leafOf,
  OUTCOMES,
  type Rig,
} from './projection-rig.ts';
import { afterNoted, type Happening, OPERATIONS, TRANSITIONS } from './transition-table.ts';

const LEAVES = Object.keys(TRANSITIONS) as Leaf[];
const ANSWERS = [...Object.keys(OUTCOMES), 'rejected'] as Answer[];
const isAnswer = (happening: string): happening is Answer => ANSWERS.some((answer) => answer === happening);

/** The shortest way from idle.stopped to every leaf, found in the table itself. */
const WAYS = shortestWays();

function shortestWays(): ReadonlyMap<Leaf, readonly Happening[]> {
  const ways = new Map<Leaf, readonly Happening[]>([['idle.stopped', []]]);
  for (const [leaf, way] of ways) {
    for (const [happening, expected] of Object.entries(TRANSITIONS[leaf]) as [Happening, string][]) {
      const next = LEAVES.find((one) => one === expected);
      if (next !== undefined && !ways.has(next)) ways.set(next, [...way, happening]);
    }
  }
  return ways;
}

async function happen(rig: Rig, happening: Happening): Promise<void> {
  if (happening === 'TIME') rig.clock.increment(LONG_MS);
  else if (isAnswer(happening)) settle(rig, happening);
  else rig.actor.send({ type: happening });
  await delivered();
}

/**
 * The answer of the running operation; if no running operation can give it, a late answer of each state with such an
 * operation. (There is no late rejection: XState ignores a promise after its state was left.)
 */
function settle(rig: Rig, answer: Answer): void {
  const [running] = rig.operations.running;
  if (running !== undefined && fits(running, answer)) {
    running.settle(answer);
    return;
  }
  if (answer === 'rejected') return;
  for (const leaf of LEAVES) {
    if (OPERATIONS[leaf] === null || leaf === leafOf(rig)) continue;
    const actorId = `0.projection.${leaf}`;
    const late = { type: `xstate.done.actor.${actorId}`, output: OUTCOMES[answer], actorId };
    rig.actor.send(late as unknown as ProjectionEvent);
  }
}

async function rigAt(leaf: Leaf): Promise<Rig> {
  const rig = createRig();
  for (const happening of WAYS.get(leaf) ?? []) await happen(rig, happening);
  expect(leafOf(rig)).toBe(leaf);
  return rig;
}

/** The operation of the state runs, and no other. */
function expectItsOperation(rig: Rig): void {
  const label = OPERATIONS[leafOf(rig)];
  expect(rig.operations.running.map((operation) => operation.label)).toEqual(label === null ? [] : [label]);
}

test('every state of the machine can be reached, in the table and in the machine', async () => {
  expect([...WAYS.keys()].sort()).toEqual([...LEAVES].sort());
  for (const leaf of LEAVES) expectItsOperation(await rigAt(leaf));
  expect([...new Set(LEAVES.map((leaf) => leaf.split('.')[0]))].sort()).toEqual([...STATES].sort());
});

// Seen red with: `RETRY` taken from halted; WAKE left out of whileWorking.
describe.each(LEAVES)('%s', (leaf) => {
  test.each(Object.entries(TRANSITIONS[leaf]) as [Happening, string][])('%s: %s', async (happening, expected) => {
    const rig = await rigAt(leaf);
    const before = rig.actor.getSnapshot();
    const begun = rig.operations.begun.length;
    const can = !isAnswer(happening) && happening !== 'TIME' && before.can({ type: happening });
    const [running] = rig.operations.running;
    await happen(rig, happening);
    const after = rig.actor.getSnapshot();

    expect(rig.errors).toEqual([]);
    expectItsOperation(rig);
    switch (expected) {
      case 'ignored':
        expect(leafOf(rig)).toBe(leaf);
        expect(after.context).toEqual(before.context);
        expect(rig.operations.begun).toHaveLength(begun);
        // An operator gets the answer that the event has no effect here.
        expect(can).toBe(false);
        break;
      case 'noted':
        expect(leafOf(rig)).toBe(leaf);
        expect(after.context).not.toEqual(before.context);
        expect(rig.operations.begun).toHaveLength(begun);
        expect(can).toBe(true);
        // A reset is not aborted: its outcome must be known. A wake aborts no operation.
        if (running?.signal != null)
          expect(running.signal.aborted).toBe(happening !== 'WAKE' && happening !== 'REOPEN');
        break;
      default:
        expect(leafOf(rig)).toBe(expected);
        expect(rig.operations.begun).toHaveLength(begun + (OPERATIONS[leafOf(rig)] === null ? 0 : 1));
    }
  });
});

// Seen red with: `onError: 'standby'` without wantedFirst in pausing (a STOP waited for a backoff and an opening), the
// same in resuming (a STOP was forgotten), and no `exit: 'noPauseWanted'` in pausing.
const NOTED = LEAVES.flatMap((leaf) =>
  (['STOP', 'RESET', 'PAUSE'] as const)
    .filter((event) => TRANSITIONS[leaf][event] === 'noted')
    .flatMap((event) => ANSWERS.map((answer) => [leaf, event, answer] as const)),
).filter(([leaf, , answer]) => answer === 'rejected' || OPERATIONS[leaf]?.startsWith(answer.split(':')[0] ?? ''));

test.each(NOTED)('%s, %s noted, then %s: the request comes first', async (leaf, event, answer) => {
  const rig = await rigAt(leaf);
  await happen(rig, event);
  const begun = rig.operations.begun.length;
  await happen(rig, answer);
  const expected = afterNoted(leaf, event, answer);
  expect(leafOf(rig)).toBe(expected);
  expect(rig.operations.begun).toHaveLength(begun + (OPERATIONS[expected] === null ? 0 : 1));
  expectItsOperation(rig);
});

/** Runs through these steps. @returns the last state and the operations that were begun */
async function runSteps(...steps: readonly Happening[]): Promise<{ readonly leaf: Leaf; readonly begun: string[] }> {
  const rig = createRig();
  for (const happening of steps) await happen(rig, happening);
  return { leaf: leafOf(rig), begun: rig.operations.begun };
}

const LIVE = ['START', 'open:running', 'run:caught-up'] as const;

// Seen red with: no `noteWake` while working.
test('a wake during a run is not lost: one more run follows, however many wakes came', async () => {
  const { leaf, begun } = await runSteps(...LIVE, 'WAKE', 'WAKE', 'WAKE', 'run:caught-up');
  expect(leaf).toBe('live.working');
  expect(begun.filter((label) => label === 'run live')).toHaveLength(2);
  const after = await runSteps(...LIVE, 'WAKE', 'WAKE', 'WAKE', 'run:caught-up', 'run:caught-up');
  expect(after.leaf).toBe('live.waiting');
});

test('two RESETs during a run are one reset; a RESET during a reset is one more, after it', async () => {
  const during = await runSteps(...LIVE, 'WAKE', 'RESET', 'RESET', 'run:stopped', 'reset:running', 'run:caught-up');
  expect(during.begun.slice(3)).toEqual(['reset', 'run catch-up']);
  const again = await runSteps(...LIVE, 'RESET', 'RESET', 'RESET', 'reset:running', 'reset:running', 'run:caught-up');
  expect(again.begun.slice(2)).toEqual(['reset', 'reset', 'run catch-up']);
  expect(again.leaf).toBe('live.waiting');
});

// Seen red with: no `exit: 'noPauseWanted'` in pausing: the second PAUSE was carried out after the RESUME.
test('a projection that got PAUSE twice continues after one RESUME', async () => {
  const { leaf } = await runSteps(...LIVE, 'PAUSE', 'PAUSE', 'setPaused:paused', 'RESUME', 'setPaused:running');
  expect(leaf).toBe('catching-up.working');
});

// Seen red with: no `noteDetail` in the RESUME of a halted one (its detail was then "paused by an operator").
test('a halted projection that was paused has no detail of the pause after RESUME', async () => {
  const rig = createRig();
  for (const happening of [...LIVE, 'PAUSE', 'setPaused:paused'] as const) await happen(rig, happening);
  expect(rig.actor.getSnapshot().context.detail).toBe('paused by an operator');
  for (const happening of ['RESUME', 'setPaused:halted'] as const) await happen(rig, happening);
  expect(leafOf(rig)).toBe('failed.halted');
  expect(rig.actor.getSnapshot().context.detail).toBeNull();
});

test('only the start of a process attempts a halted event; coming back from standby does not', async () => {
  expect(await runSteps('START', 'open:halted')).toMatchObject({ leaf: 'failed.attempting' });
  // The start has not succeeded yet.
  expect(await runSteps('START', 'rejected', 'TIME', 'open:halted')).toMatchObject({ leaf: 'failed.attempting' });
  const later = [...LIVE, 'WAKE', 'run:locked-by-other', 'TIME', 'open:halted'] as const;
  expect(await runSteps(...later)).toMatchObject({ leaf: 'failed.halted' });
  expect(await runSteps(...LIVE, 'RESET', 'rejected', 'open:halted')).toMatchObject({ leaf: 'failed.halted' });
});

// Seen red with: opening's wantedFirst without 'started'.
test('a RESET during the first opening replaces the attempt, also when the reset fails', async () => {
  const { leaf } = await runSteps('START', 'RESET', 'open:halted', 'rejected', 'open:halted');
  expect(leaf).toBe('failed.halted');
});

test('a run that was woken and is behind catches up, which reads the high-water mark itself', async () => {
  expect(await runSteps(...LIVE, 'WAKE', 'WAKE', 'run:behind')).toMatchObject({ leaf: 'catching-up.working' });
});

test('an operation that throws anything at all leads to a backoff', async () => {
  for (const thrown of [undefined, null, 'text', Object.create(null), Object.freeze({})]) {
    const rig = createRig();
    rig.operations.open = () => {
      // An operation that throws instead of rejecting.
      throw thrown;
    };
    rig.actor.send({ type: 'START' });
    await delivered();
    expect(leafOf(rig)).toBe('idle.standby');
    expect(rig.errors).toEqual([]);
  }
});

// Seen red with: noteBack that leaves `backoffs` as it is.
test.each([
  ['catching-up.backing-off', ['START', 'open:running', 'rejected']],
  ['live.backing-off', ['START', 'open:running', 'run:caught-up', 'WAKE', 'rejected']],
  ['failed.backing-off', ['START', 'open:halted', 'rejected']],
  ['idle.standby', ['START', 'rejected']],
] as const)(
  '%s: when the database is back, the wait after many failures ends within half a second',
  async (leaf, way) => {
    const rig = createRig();
    for (const happening of way) await happen(rig, happening);
    for (let failures = 0; failures < 12; failures++) {
      await happen(rig, 'TIME');
      await happen(rig, 'rejected');
    }
    expect(leafOf(rig)).toBe(leaf);
    const begun = rig.operations.begun.length;
    await happen(rig, 'DATABASE_BACK');
    expect(rig.operations.begun).toHaveLength(begun);
    rig.clock.increment(500);
    await delivered();
    expect(rig.operations.begun).toHaveLength(begun + 1);
  },
);
