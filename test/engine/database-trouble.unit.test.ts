import { expect, test, vi } from 'vitest';
import { DatabaseTrouble } from '../../src/engine/database-trouble.ts';
import { silentLog } from '../../src/engine/log.ts';

test('whoever backs off is told once for each time that the database comes back, and not while it answers', () => {
  const onBack = vi.fn();
  const trouble = new DatabaseTrouble(silentLog, onBack);
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
