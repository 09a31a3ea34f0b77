import { defineConfig } from 'vitest/config';

/**
 * The tests that `npm run mutation` runs: unit tests of the rooms that the mutated files are in. Tests of the command line
 * and of the dashboard reach those files too, but they hold no decision in them and would run again for every mutant. Tests
 * that wait on real sockets are left out, and those that load the machines while they run: Stryker would count what
 * happens at loading as covered by such a test.
 */
export const MUTATION_TESTS = [
  'test/{core,daemon,event-store,operations,postgres,projector,publisher,read-model}/**/*.unit.test.ts',
  'test/machines/{broker,daemon,delays,one-operation,projection,publisher,settled}.unit.test.ts',
  'test/broker/broker-address.unit.test.ts',
  'test/feed/{conflate,push,wakeups,wakeups-after-loss,wakeups-pushes}.unit.test.ts',
  'test/inspect/{hub,redact,update-throttle}.unit.test.ts',
  'test/http/{rate-limit,security}.unit.test.ts',
  'test/cli/{imported-id,settled,uncaught-errors}.unit.test.ts',
];

export default defineConfig({ test: { include: MUTATION_TESTS } });
