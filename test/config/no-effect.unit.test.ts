import { expect, test } from 'vitest';
import { ABSENT_SETTINGS, settingsWithoutEffect } from '../../src/config/no-effect.ts';
import { SETTING_NAMES, SETTING_SOURCES } from '../../src/config/schema.ts';

// Seen red with: LEASE_MS taken out of the list.
test('a setting that is taken and does nothing is named with why; one that is empty or exists is not', () => {
  const env = { CONCURRENT_INSTANCES: '1', LEASE_MS: '3000', MAX_PROJECTIONS: '', PORT: '1' };
  expect(settingsWithoutEffect(env)).toEqual([
    { setting: 'LEASE_MS', reason: expect.stringContaining('has no effect: there are no leases') },
  ]);
});

// Seen red with: the throw left out (both were taken with a warning).
test.each([
  ['CONCURRENT_INSTANCES', '4', 'CONCURRENT_INSTANCES: no projection is per instance yet'],
  ['CONCURRENT_INSTANCES', 'many', 'CONCURRENT_INSTANCES: no projection is per instance yet'],
  ['MAX_PROJECTIONS', '100', 'MAX_PROJECTIONS: there is no ceiling'],
])('%s=%s asks for what the daemon does not do, and is refused', (setting, value, message) => {
  expect(() => settingsWithoutEffect({ [setting]: value })).toThrow(message);
});

test('no setting that exists is among those that do not', () => {
  const known = new Set(SETTING_NAMES.map((name) => SETTING_SOURCES[name].env));
  expect(ABSENT_SETTINGS.filter(({ setting }) => known.has(setting))).toEqual([]);
});
