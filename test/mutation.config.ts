import { defineConfig } from 'vitest/config';

/**
 * What `npm run mutation` runs: unit tests of the rooms that the mutated files are in. What the command line or the
 * dashboard finds out by the way does not count, and would be run again for every mutant. Nor do tests that wait on real
 * sockets, and those that load the machines while they run: what happens at loading would count as done by a test.
 */
export default defineConfig({
  test: {
    include: [
      'test/{core,store,engine,publisher}/**/*.unit.test.ts',
      'test/machines/{broker,daemon,delays,one-operation,projection,publisher,told}.unit.test.ts',
      'test/feed/{broker-address,conflate,latency,push,wakes*}.unit.test.ts',
      'test/inspect/{hub,pace,shown}.unit.test.ts',
      'test/http/{rate-limit,security}.unit.test.ts',
      'test/cli/{event-id,left-behind,settled}.unit.test.ts',
    ],
  },
});
