import { expect, test } from 'vitest';
import { progressLine } from '../../src/cli/start/progress.ts';
import { describeDetail, statusTable } from '../../src/cli/status-table.ts';
import { statusOf } from '../http/fake-daemon.ts';

const failure = {
  eventId: null,
  position: '43',
  eventName: 'BandCreated',
  attempts: 2,
  error: 'name is taken',
  sqlstate: '23505',
  code: null,
  statement: null,
  at: '2026-01-01T00:00:00Z',
};

// Seen red with: the check for the error in the detail left out.
test('the error of a failed event is shown once, from the detail or from the failure', () => {
  const detail = 'BandCreated at position 43 failed (attempt 2): name is taken';
  expect(describeDetail({ ...statusOf('band'), detail, failure })).toBe(`${detail} (23505)`);
  const recorded = 'at 43 BandCreated, attempt 2: name is taken (23505)';
  expect(describeDetail({ ...statusOf('band'), detail: null, failure })).toBe(recorded);
  const paused = 'paused by an operator';
  expect(describeDetail({ ...statusOf('band'), detail: paused, failure })).toBe(`${paused}; ${recorded}`);
});

// Seen red with: the cases for null left out of `reached` and `lag`, and of `progressLine`.
test('a lag that is not known is a question mark, never 0', () => {
  const unknown = { cursor: '42', head: '42', lagEvents: null, behindSeconds: null } as const;
  const publisher = {
    state: 'publishing',
    detail: null,
    ratePerSecond: 0,
    unconfirmed: 0,
    owner: null,
    ...unknown,
  } as const;
  const lines = statusTable([statusOf('band', { ...unknown, detail: 'no table' })], publisher).split('\n');
  expect(lines[1]?.split(/ {2,}/)).toEqual(['band', 'live', '42/?', '?', '-', '-', 'no table']);
  expect(lines[2]?.split(/ {2,}/)).toEqual(['$publisher', 'publishing', '42/?', '?', '-', '-']);
  expect(progressLine([statusOf('band', { ...unknown, state: 'catching-up' })])).toBe('band 42/?');
});
