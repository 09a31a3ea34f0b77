import { expect, test } from 'vitest';
import { withTimeouts } from '../../src/daemon/options.ts';
import { createDaemon } from '../../src/index.ts';

const options = { projections: [], database: { url: 'postgres://127.0.0.1/none' } };
const timeouts = { answerMs: 1000 };

// Seen red with: the value of `patience` dropped.
test('`patience`, the deprecated name of `timeouts`, has the same effect', () => {
  expect(withTimeouts({ ...options, patience: timeouts })).toEqual({ ...options, timeouts });
  expect(withTimeouts({ ...options, timeouts })).toEqual({ ...options, timeouts });
  expect(withTimeouts(options)).toEqual(options);
});

// Seen red with: `timeouts` preferred without an error.
test('a daemon is refused with both names, and the message says which one to leave out', () => {
  expect(() => createDaemon({ ...options, timeouts, patience: timeouts })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/patience.*old name of `timeouts`.*leave `patience` out/),
    }),
  );
});
