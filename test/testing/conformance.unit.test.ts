import { expect, test } from 'vitest';
import { conformance, createMemoryStage } from '../../src/testing/index.ts';

/** Whatever the real one does: test/testing/conformance.int.test.ts holds PostgreSQL to the same cases. */
test.each(conformance)('in memory: $name', ({ run }) => run(createMemoryStage()));

test('every case has a name of its own', () => {
  expect(new Set(conformance.map(({ name }) => name)).size).toBe(conformance.length);
});
