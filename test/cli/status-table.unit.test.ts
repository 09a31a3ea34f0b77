import { expect, test } from 'vitest';
import { describeDetail } from '../../src/cli/status-table.ts';
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
