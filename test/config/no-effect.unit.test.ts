import { expect, test } from 'vitest';
import { settingsWithoutEffect } from '../../src/config/no-effect.ts';
import { SETTING_NAMES, SETTING_SOURCES } from '../../src/config/schema.ts';

// Seen red with: a line of NO_EFFECT taken out.
test('what is set and does nothing is named, with why; a setting that exists is not', () => {
  const env = { CONCURRENT_INSTANCES: '4', LEASE_MS: '3000', MAX_PROJECTIONS: '', PORT: '1' };
  expect(settingsWithoutEffect(env).map(({ setting }) => setting)).toEqual(['CONCURRENT_INSTANCES', 'LEASE_MS']);
  const known = Object.fromEntries(SETTING_NAMES.map((name) => [SETTING_SOURCES[name].env, 'x']));
  expect(settingsWithoutEffect(known)).toEqual([]);
});
