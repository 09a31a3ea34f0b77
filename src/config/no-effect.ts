/** Names that older descriptions give, for what does not exist yet. A set one must not look as if it did something. */
const NO_EFFECT: Readonly<Record<string, string>> = {
  CONCURRENT_INSTANCES: 'no projection is per instance yet',
  LEASE_MS: 'there are no leases: whoever holds the row of a projection works on it',
  MAX_PROJECTIONS: 'a daemon runs every projection of its config file',
};

/** The environment variables that are set and do nothing, each with why. */
export function settingsWithoutEffect(
  env: Readonly<Record<string, string | undefined>>,
): readonly { readonly setting: string; readonly reason: string }[] {
  return Object.entries(NO_EFFECT)
    .filter(([setting]) => (env[setting] ?? '') !== '')
    .map(([setting, reason]) => ({ setting, reason }));
}
