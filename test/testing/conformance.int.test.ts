import { afterAll, describe, inject, test } from 'vitest';
import { conformance, createTestKit } from '../../src/testing/index.ts';

const kit = createTestKit({ database: inject('postgres').url });
afterAll(() => kit.close());

// Seen red with: the flush of idle moves left out of postgres-stage.ts; the attempt that takes back no halt in apply-page.ts.
describe.each(kit.stages.map((stage) => ({ stage, name: stage.name })))('on PostgreSQL, $name', ({ stage }) => {
  test.each(conformance)('$name', ({ run }) => run(stage));
});
