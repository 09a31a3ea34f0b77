import { expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { DatabaseAvailability } from '../../src/daemon/database-availability.ts';
import { ofOurDatabase } from '../../src/postgres/errors.ts';

test('onBack is called once each time that the database answers again, and not while it answers', () => {
  const onBack = vi.fn();
  const databaseError = new DatabaseAvailability(silentLog, undefined, onBack);
  databaseError.answered();
  expect(onBack).not.toHaveBeenCalled();
  databaseError.refused(new Error('gone'));
  databaseError.refused(new Error('gone'));
  expect(databaseError.away).toBe(true);
  databaseError.answered();
  databaseError.answered();
  expect(onBack).toHaveBeenCalledOnce();
  expect(databaseError.away).toBe(false);
});

// Seen red with: `detail` null whatever the reason: every projection is then live, without a reason for the missing progress.
test('a poll that the database refuses is shown with its reason, one that it does not answer is not', () => {
  const databaseError = new DatabaseAvailability(silentLog);
  expect(databaseError.detail).toBeNull();
  databaseError.refused(new Error('column "id" does not exist'));
  expect(databaseError.detail).toMatch(/^no event can be found since \d{4}-\S+Z: column "id" does not exist$/);
  databaseError.refused(ofOurDatabase(Object.assign(new Error('gone'), { code: 'ECONNRESET' })));
  expect([databaseError.detail, databaseError.away]).toEqual([null, true]);
  databaseError.answered();
  expect([databaseError.detail, databaseError.away]).toEqual([null, false]);
});
