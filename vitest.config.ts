import { defineConfig } from 'vitest/config';

/**
 * Unit tests need nothing; int and e2e get a PostgreSQL of their own from test/support/servers.ts. No test is retried: one
 * that fails once in a thousand runs has found something. The limits are for a machine that does other work beside.
 */

/** What every wait of a test gets where it names no bound of its own. */
const waits = { setupFiles: ['test/support/waits.ts'], expect: { poll: { timeout: 60_000 } } };

export default defineConfig({
  test: {
    reporters: [process.env['CI'] ? 'verbose' : 'default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.unit.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...waits,
        },
      },
      {
        test: {
          name: 'int',
          include: ['test/**/*.int.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          ...waits,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          ...waits,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'slow',
          include: ['test/**/*.slow.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          ...waits,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/**/*.cluster.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          ...waits,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/**/*.soak.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          ...waits,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
