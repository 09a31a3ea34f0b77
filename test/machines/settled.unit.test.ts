import { describe, expect, test } from 'vitest';
import { type Answer, createRig, delivered, LONG_MS, leafOf, OUTCOMES, type Rig } from './projection-rig.ts';
import type { Happening } from './transition-table.ts';

const isAnswer = (happening: string): happening is Answer =>
  happening === 'rejected' || Object.hasOwn(OUTCOMES, happening);

/** Plays a story; what the machine told of commands meanwhile. */
async function play(rig: Rig, ...story: readonly Happening[]) {
  const settled: { readonly command: string; readonly error: unknown }[] = [];
  rig.actor.on('settled', ({ command, error }) => settled.push({ command, error }));
  for (const happening of story) {
    if (happening === 'TIME') rig.clock.increment(LONG_MS);
    else if (isAnswer(happening)) rig.operations.running[0]?.settle(happening);
    else rig.actor.send({ type: happening });
    await delivered();
  }
  return settled;
}

const LIVE = ['START', 'open:running', 'run:caught-up'] as const;
const TROUBLE = 'backing off: the database does not answer';

describe('why a projection is where it is', () => {
  test.each<[string, string | null, number, readonly Happening[]]>([
    ['idle.stopped', null, 0, []],
    ['live.waiting', null, 0, LIVE],
    ['idle.standby', TROUBLE, 1, ['START', 'rejected']],
    ['idle.standby', TROUBLE, 2, ['START', 'rejected', 'TIME', 'rejected']],
    ['live.waiting', null, 0, ['START', 'rejected', 'TIME', 'open:running', 'run:caught-up']],
    ['live.backing-off', TROUBLE, 1, [...LIVE, 'WAKE', 'rejected']],
    ['live.backing-off', TROUBLE, 2, [...LIVE, 'WAKE', 'rejected', 'TIME', 'rejected']],
    ['live.backing-off', TROUBLE, 1, [...LIVE, 'WAKE', 'rejected', 'TIME', 'rejected', 'DATABASE_BACK']],
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
    // What was last said stays until it goes well.
    ['idle.opening', TROUBLE, 0, [...LIVE, 'WAKE', 'rejected', 'STOP', 'START']],
  ])('%s: %s, after %i waits', async (leaf, detail, backoffs, story) => {
    const rig = createRig();
    await play(rig, ...story);
    expect(leafOf(rig)).toBe(leaf);
    expect(rig.actor.getSnapshot().context).toMatchObject({ detail, backoffs });
  });

  test.each<[unknown, string]>([
    [new Error('lost'), 'lost'],
    [new TypeError(''), 'TypeError'],
    ['words', 'words'],
    [undefined, 'undefined'],
    [Object.create(null), 'an error that cannot be shown'],
  ])('whatever was thrown has words', async (thrown, words) => {
    const rig = createRig();
    rig.operations.open = () => Promise.reject(thrown);
    await play(rig, 'START');
    expect(rig.actor.getSnapshot().context.detail).toBe(`backing off: ${words}`);
  });
});

test('what is wanted while an operation runs is kept beside what was wanted before, until it is done', async () => {
  const rig = createRig();
  await play(rig, ...LIVE, 'WAKE');
  const wanted = () => rig.actor.getSnapshot().context.wanted;
  expect(wanted()).toEqual({ stop: false, reset: false, pause: false });
  await play(rig, 'PAUSE');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: true });
  await play(rig, 'RESET');
  expect(wanted()).toEqual({ stop: false, reset: true, pause: true });
  await play(rig, 'run:stopped');
  expect(leafOf(rig)).toBe('resetting');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: true });
  await play(rig, 'STOP');
  expect(wanted()).toEqual({ stop: true, reset: false, pause: true });
  await play(rig, 'reset:running');
  expect(leafOf(rig)).toBe('idle.stopped');
  await play(rig, 'START');
  expect(wanted()).toEqual({ stop: false, reset: false, pause: false });
});

// Seen red with: noPauseWanted that forgets everything.
test('a pause that was carried out is wanted no more, and what else is wanted stays', async () => {
  const rig = createRig();
  await play(rig, ...LIVE, 'PAUSE', 'PAUSE', 'setPaused:paused');
  expect(rig.actor.getSnapshot().context.wanted).toEqual({ stop: false, reset: false, pause: false });
  await play(rig, 'RESUME', 'STOP', 'setPaused:running');
  expect(leafOf(rig)).toBe('idle.stopped');
});

describe('whoever sent a command is told how it ended', () => {
  const HALTED = [...LIVE, 'WAKE', 'run:failed for good'] as const;
  const PAUSED = [...LIVE, 'PAUSE', 'setPaused:paused'] as const;
  const well = (command: string) => [{ command, error: null }];
  const badly = (command: string) => [
    { command, error: expect.objectContaining({ message: 'the database does not answer' }) },
  ];
  test.each<[string, readonly Happening[], unknown]>([
    ['PAUSE', [...LIVE, 'PAUSE', 'setPaused:paused'], well('PAUSE')],
    ['PAUSE that failed', [...LIVE, 'PAUSE', 'rejected'], badly('PAUSE')],
    ['RESUME', [...PAUSED, 'RESUME', 'setPaused:running'], [...well('PAUSE'), ...well('RESUME')]],
    ['RESUME of a halted one', [...PAUSED, 'RESUME', 'setPaused:halted'], [...well('PAUSE'), ...well('RESUME')]],
    ['RESUME that failed', [...PAUSED, 'RESUME', 'rejected'], [...well('PAUSE'), ...badly('RESUME')]],
    ['RESET', [...LIVE, 'RESET', 'reset:running'], well('RESET')],
    ['RESET of a paused one', [...LIVE, 'RESET', 'reset:paused'], well('RESET')],
    ['RESET that failed', [...LIVE, 'RESET', 'rejected'], badly('RESET')],
    ['RETRY', [...HALTED, 'RETRY', 'run:behind'], well('RETRY')],
    ['SKIP', [...HALTED, 'SKIP', 'skip:done'], well('SKIP')],
    ['SKIP that failed', [...HALTED, 'SKIP', 'rejected'], badly('SKIP')],
    ['PAUSE, and a STOP during it', [...LIVE, 'PAUSE', 'STOP', 'setPaused:paused'], well('PAUSE')],
    ['RESET, and a STOP during it that failed', [...LIVE, 'RESET', 'STOP', 'rejected'], badly('RESET')],
    ['nothing', [...LIVE, 'WAKE', 'rejected', 'TIME', 'run:caught-up'], []],
  ])('%s', async (_what, story, told) => {
    expect(await play(createRig(), ...story)).toEqual(told);
  });
});
