import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import { dispositionOf, isForAnother, isTransientState } from '../../src/operations/command-disposition.ts';
import { ofOurDatabase } from '../../src/postgres/errors.ts';
import { CommandEnded } from '../../src/state/commands.ts';
import { createRig, delivered } from '../machines/projection-rig.ts';

const LOCKED_BY_OTHER = 'another daemon works on it';

describe('a command is left to another daemon', () => {
  test.each([
    ['its own is not', 'me', 0, null, false],
    ['one of SQL is not', 'sql', 0, null, false],
    ['one that another has just accepted is', 'you', 0.9, null, true],
    ['one that no daemon has carried out for a second is not', 'you', 1, null, false],
    ['while that one has the row, its own is', 'me', 4.9, LOCKED_BY_OTHER, true],
    ['while that one has the row, one of SQL is', 'sql', 4.9, LOCKED_BY_OTHER, true],
    ['but not for ever', 'you', 5, LOCKED_BY_OTHER, false],
  ])('%s', (_what, acceptedBy, seconds, detail, left) => {
    expect(isForAnother({ acceptedBy, seconds }, { id: 'me', detail })).toBe(left);
  });
});

describe('an effect that did not come about', () => {
  const lost = ofOurDatabase(Object.assign(new Error('lost'), { code: '08006' }));
  const refused = (message: string) => ({ code: 'COMMAND_REFUSED', message });
  const coded = (code: string) => ({ code, message: expect.any(String) });
  const [SKIP_MOVED, RESET_FAILED] = [coded('SKIP_MOVED'), coded('RESET_FAILED')];
  test.each<[string, unknown, unknown]>([
    ['was carried out by another daemon', new CommandEnded('x'), 'ended'],
    ['is not known', new EngineError('RESET_UNKNOWN'), 'later'],
    ['lost its connection', lost, 'later'],
    ['lost its connection in a reset', new EngineError('RESET_FAILED', {}, { cause: lost }), 'later'],
    ['was in a daemon that stopped', new EngineError('DAEMON_STOPPED'), 'later'],
    ['was refused', new EngineError('SKIP_MOVED'), SKIP_MOVED],
    ['found the tables held', new EngineError('RESET_BLOCKED'), { code: 'RESET_BLOCKED', message: expect.any(String) }],
    ['met a reset that throws', new EngineError('RESET_FAILED', {}, { cause: new Error('no') }), RESET_FAILED],
    ['lost its connection in something else', new EngineError('SKIP_MOVED', {}, { cause: lost }), SKIP_MOVED],
    ['met an error of ours', new TypeError('x is not a function'), refused('x is not a function')],
    ['met what is not even an error', 'text', refused('text')],
  ])('%s', (_what, error, disposition) => {
    expect(dispositionOf(error)).toEqual(disposition);
  });
});

test('a state passes that an operation leads out of; one in which it rests does not', async () => {
  const rig = createRig();
  const passing = async (...answers: Parameters<NonNullable<(typeof rig.operations.running)[0]>['settle']>[0][]) => {
    for (const answer of answers) {
      rig.operations.running[0]?.settle(answer);
      await delivered();
    }
    return isTransientState(rig.actor.getSnapshot());
  };
  expect(await passing()).toBe(true);
  rig.actor.send({ type: 'START' });
  expect(await passing()).toBe(true);
  expect(await passing('open:running')).toBe(false);
  expect(await passing('run:failed for good')).toBe(false);
  rig.actor.send({ type: 'RETRY' });
  expect(await passing()).toBe(true);
  expect(await passing('run:failed for good')).toBe(false);
  rig.actor.send({ type: 'SKIP' });
  expect(await passing()).toBe(true);
  expect(await passing('skip:done', 'run:caught-up')).toBe(false);
  rig.actor.send({ type: 'PAUSE' });
  expect(await passing()).toBe(true);
  expect(await passing('setPaused:paused')).toBe(false);
  rig.actor.send({ type: 'RESET' });
  expect(await passing()).toBe(true);
});
