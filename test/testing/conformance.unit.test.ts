import { expect, test } from 'vitest';
import { conformance, createMemoryStage } from '../../src/testing/index.ts';

/**
 * What test/testing/conformance.int.test.ts holds PostgreSQL to.
 * Seen red with: a look-up that does not wait; a reset that keeps a halt; a failed event that is not taken back.
 */
test.each(conformance)('in memory: $name', ({ run }) => run(createMemoryStage()));

test('every case has a name of its own', () => {
  expect(new Set(conformance.map(({ name }) => name)).size).toBe(conformance.length);
});
