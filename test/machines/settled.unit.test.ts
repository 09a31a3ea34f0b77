import { describe, expect, test } from 'vitest';
import { type Answer, createRig, delivered, LONG_MS, leafOf, OUTCOMES, type Rig } from './projection-rig.ts';
import type { Happening } from './transition-table.ts';

const isAnswer = (happening: string): happening is Answer =>
  happening === 'rejected' || Object.hasOwn(OUTCOMES, happening);

/** Runs through these steps. @returns what the machine reported of commands meanwhile */
async function runSteps(rig: Rig, ...steps: readonly Happening[]) {
  const settled: { readonly command: string; readonly error: unknown }[] = [];
  rig.actor.on('settled', ({ command, error }) => settled.push({ command, error }));
  for (const happening of steps) {
    if (happening === 'TIME') rig.clock.increment(LONG_MS);
    else if (isAnswer(happening)) rig.operations.running[0]?.settle(happening);
    else rig.actor.send({ type: happening });
    await delivered();
  }
  return settled;
}

const LIVE = ['START', 'open:running', 'run:caught-up'] as const;
const AWAY = 'backing off: the database does not answer';

describe('the reason for the state of a projection', () => {
  test.each<[string, string | null, number, readonly Happening[]]>([
    ['idle.stopped', null, 0, []],
    ['live.waiting', null, 0, LIVE],
    ['idle.standby', AWAY, 1, ['START', 'rejected']],
    ['idle.standby', AWAY, 2, ['START', 'rejected', 'TIME', 'rejected']],
    ['live.waiting', null, 0, ['START', 'rejected', 'TIME', 'open:running', 'run:caught-up']],
    ['live.backing-off', AWAY, 1, [...LIVE, 'WAKE', 'rejected']],
    ['live.backing-off', AWAY, 2, [...LIVE, 'WAKE', 'rejected', 'TIME', 'rejected']],
    ['live.backing-off', AWAY, 1, [...LIVE, 'WAKE', 'rejected', 'TIME', 'rejected', 'DATABASE_BACK']],
    ['catching-up.working', null, 0, [...LIVE, 'WAKE', 'rejected', 'TIME', 'run:behind']],
    ['live.working', null, 0, [...LIVE, 'WAKE', 'rejected', 'TIME', 'WAKE', 'run:caught-up']],
    ['failed.retrying', 'event 7 failed', 0, [...LIVE, 'WAKE', 'run:failed']],
    ['failed.halted', 'event 7 failed for good', 0, [...LIVE, 'WAKE', 'run:failed for good']],
    ['failed.halted', 'halted before event 7', 0, [...LIVE, 'WAKE', 'run:halted']],
    ['failed.halted', 'halted before event 7', 0, [...LIVE, 'WAKE', 'run:locked-by-other', 'TIME', 'open:halted']],
    ['catching-up.waiting', 'waiting for another projection', 1, [...LIVE, 'WAKE', 'run:waiting']],
    [
      'catching-up.waiting',
      'waiting for another projection',
      2,
      [...LIVE, 'WAKE', 'run:waiting', 'TIME', 'run:waiting'],
    ],
    ['idle.standby', 'another daemon works on it', 0, [...LIVE, 'WAKE', 'run:locked-by-other']],
    ['idle.paused', 'paused by an operator', 0, [...LIVE, 'WAKE', 'run:paused']],
    ['idle.paused', 'paused by an operator', 0, ['START', 'open:paused']],
    ['catching-up.working', null, 0, [...LIVE, 'WAKE', 'run:failed for good', 'SKIP', 'skip:done']],
    ['catching-up.working', null, 0, [...LIVE, 'WAKE', 'rejected', 'RESET', 'reset:running']],
    // The last reason stays until an operation succeeds.
    ['idle.opening', AWAY, 0, [...LIVE, 'WAKE', 'rejected', 'STOP', 'START']],
  ])('%s: %s, after %i waits', async (leaf, detail, backoffs, steps) => {
    const rig = createRig();
    await runSteps(rig, ...steps);
    expect(leafOf(rig)).toBe(leaf);
    expect(rig.actor.getSnapshot().context).toMatchObject({ detail, backoffs });
  });

  test.each<[unknown, string]>([
    [new Error('lost'), 'lost'],
    [new TypeError(''), 'TypeError'],
    ['words', 'words'],
    [undefined, 'undefined'],
    [Object.create(null), 'an error that cannot be shown'],
  ])('any value that was thrown becomes a text', async (thrown, words) => {
    const rig = createRig();
    rig.operations.open = () => Promise.reject(thrown);
    await runSteps(rig, 'START');
    expect(rig.actor.getSnapshot().context.detail).toBe(`backing off: ${words}`);
  });
});

test('a request during an operation is kept beside earlier ones, until it is carried out', async () => {
  const rig = createRig();
  await runSteps(rig, ...LIVE, 'WAKE');
  const wanted = () => rig.actor.getSnapshot().context.wanted;
  expect(wanted()).toEqual({ stop: false, reset: false, pause: false });
  await runSteps(rig, 'PAUSE');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: true });
  await runSteps(rig, 'RESET');
  expect(wanted()).toEqual({ stop: false, reset: true, pause: true });
  await runSteps(rig, 'run:stopped');
  expect(leafOf(rig)).toBe('resetting');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: true });
  await runSteps(rig, 'STOP');
  expect(wanted()).toEqual({ stop: true, reset: false, pause: true });
  await runSteps(rig, 'reset:running');
  expect(leafOf(rig)).toBe('idle.stopped');
  await runSteps(rig, 'START');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: false });
});

// Seen red with: noPauseWanted that clears every request.
test('a pause that was carried out is no longer wanted, and the other requests stay', async () => {
  const rig = createRig();
  await runSteps(rig, ...LIVE, 'PAUSE', 'PAUSE', 'setPaused:paused');
  expect(rig.actor.getSnapshot().context.wanted).toEqual({ stop: false, reset: false, pause: false });
  await runSteps(rig, 'RESUME', 'STOP', 'setPaused:running');
  expect(leafOf(rig)).toBe('idle.stopped');
});

describe('the sender of a command gets a report of how it ended', () => {
  const HALTED = [...LIVE, 'WAKE', 'run:failed for good'] as const;
  const PAUSED = [...LIVE, 'PAUSE', 'setPaused:paused'] as const;
  const success = (command: string) => [{ command, error: null }];
  const failure = (command: string) => [
    { command, error: expect.objectContaining({ message: 'the database does not answer' }) },
  ];
  test.each<[string, readonly Happening[], unknown]>([
    ['PAUSE', [...LIVE, 'PAUSE', 'setPaused:paused'], success('PAUSE')],
    ['PAUSE that failed', [...LIVE, 'PAUSE', 'rejected'], failure('PAUSE')],
    ['RESUME', [...PAUSED, 'RESUME', 'setPaused:running'], [...success('PAUSE'), ...success('RESUME')]],
    ['RESUME of a halted one', [...PAUSED, 'RESUME', 'setPaused:halted'], [...success('PAUSE'), ...success('RESUME')]],
    ['RESUME that failed', [...PAUSED, 'RESUME', 'rejected'], [...success('PAUSE'), ...failure('RESUME')]],
    ['RESET', [...LIVE, 'RESET', 'reset:running'], success('RESET')],
    ['RESET of a paused one', [...LIVE, 'RESET', 'reset:paused'], success('RESET')],
    ['RESET that failed', [...LIVE, 'RESET', 'rejected'], failure('RESET')],
    ['RETRY', [...HALTED, 'RETRY', 'run:behind'], success('RETRY')],
    ['SKIP', [...HALTED, 'SKIP', 'skip:done'], success('SKIP')],
    ['SKIP that failed', [...HALTED, 'SKIP', 'rejected'], failure('SKIP')],
    ['PAUSE, and a STOP during it', [...LIVE, 'PAUSE', 'STOP', 'setPaused:paused'], success('PAUSE')],
    ['RESET, and a STOP during it that failed', [...LIVE, 'RESET', 'STOP', 'rejected'], failure('RESET')],
    ['nothing', [...LIVE, 'WAKE', 'rejected', 'TIME', 'run:caught-up'], []],
  ])('%s', async (_what, steps, reports) => {
    expect(await runSteps(createRig(), ...steps)).toEqual(reports);
  });
});
