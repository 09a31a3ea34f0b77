import { expect, test } from 'vitest';
import { conformance, createMemoryBackend, createMemoryStage, type Stage } from '../../src/testing/index.ts';

/**
 * The same cases as on PostgreSQL in test/testing/conformance.int.test.ts.
 * Seen red with: a look-up that does not wait; a reset that keeps a halt; a failed event that is not undone.
 */
test.each(conformance)('in memory: $name', ({ run }) => run(createMemoryBackend()));

test('the deprecated names Stage and createMemoryStage still work', async () => {
  const stage: Stage = createMemoryStage();
  for (const { run } of conformance.slice(0, 2)) await run(stage);
});

test('every case has a unique name', () => {
  expect(new Set(conformance.map(({ name }) => name)).size).toBe(conformance.length);
});
