import { expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { DatabaseTrouble } from '../../src/daemon/database-availability.ts';
import { ofOurDatabase } from '../../src/postgres/errors.ts';

test('whoever backs off is told once for each time that the database comes back, and not while it answers', () => {
  const onBack = vi.fn();
  const trouble = new DatabaseTrouble(silentLog, undefined, onBack);
  trouble.answered();
  expect(onBack).not.toHaveBeenCalled();
  trouble.refused(new Error('gone'));
  trouble.refused(new Error('gone'));
  expect(trouble.away).toBe(true);
  trouble.answered();
  trouble.answered();
  expect(onBack).toHaveBeenCalledOnce();
  expect(trouble.away).toBe(false);
});

// Seen red with: `detail` null whatever the reason: every projection is then live, and nothing says why it stands still.
test('a poll that the database refuses is told with its reason, one that it does not answer is not', () => {
  const trouble = new DatabaseTrouble(silentLog);
  expect(trouble.detail).toBeNull();
  trouble.refused(new Error('column "id" does not exist'));
  expect(trouble.detail).toMatch(/^no event can be found since \d{4}-\S+Z: column "id" does not exist$/);
  trouble.refused(ofOurDatabase(Object.assign(new Error('gone'), { code: 'ECONNRESET' })));
  expect([trouble.detail, trouble.away]).toEqual([null, true]);
  trouble.answered();
  expect([trouble.detail, trouble.away]).toEqual([null, false]);
});
