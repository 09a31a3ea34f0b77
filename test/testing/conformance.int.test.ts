import { afterAll, describe, inject, test } from 'vitest';
import { conformance, createTestKit } from '../../src/testing/index.ts';

const kit = createTestKit({ database: inject('postgres').url });
afterAll(() => kit.close());

// Seen red with: the checkpoint flush left out of postgres-backend.ts; the attempt that ends no halt in apply-page.ts.
describe.each(kit.backends.map((backend) => ({ backend, name: backend.name })))(
  'on PostgreSQL, $name',
  ({ backend }) => {
    test.each(conformance)('$name', ({ run }) => run(backend));
  },
);
