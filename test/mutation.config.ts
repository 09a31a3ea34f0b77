import { defineConfig } from 'vitest/config';

/**
 * What `npm run mutation` runs: unit tests of the rooms that the mutated files are in, but for the one that waits on real
 * sockets. What the command line or the dashboard finds out by the way does not count, and would be run again for every
 * mutant.
 */
export default defineConfig({
  test: {
    include: [
      'test/{core,machines,store,engine,publisher,inspect}/**/*.unit.test.ts',
      'test/feed/{broker-address,conflate,latency,push,wakes*}.unit.test.ts',
      'test/http/{rate-limit,security}.unit.test.ts',
      'test/cli/{event-id,left-behind,settled}.unit.test.ts',
    ],
  },
});
