import { EngineError } from '../core/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface Absent {
  readonly setting: string;
  /** The values that ask for what the daemon does anyway; `any`: the setting is taken with a warning. */
  readonly taken: readonly string[] | 'any';
  readonly reason: string;
}

/**
 * Names that other descriptions of this program give, for what does not exist yet. One that asks for another behaviour
 * stops the start: accepted, it would look as if it did something. LEASE_MS asks for a bound that is kept without it.
 */
export const ABSENT_SETTINGS: readonly Absent[] = [
  {
    setting: 'CONCURRENT_INSTANCES',
    taken: ['1'],
    reason: 'no projection is per instance yet, so 1 is the only value',
  },
  {
    setting: 'LEASE_MS',
    taken: 'any',
    reason: 'has no effect: there are no leases, a projection is free as soon as the daemon that worked on it is gone',
  },
  {
    setting: 'MAX_PROJECTIONS',
    taken: [],
    reason: 'there is no ceiling: a daemon runs every projection of its config file; unset it',
  },
];

/**
 * Of the variables that are set, those that are taken and do nothing, each with why.
 * @throws EngineError CONFIG_INVALID for one that asks for what the daemon does not do
 */
export function settingsWithoutEffect(env: Environment): readonly Pick<Absent, 'setting' | 'reason'>[] {
  const set = ABSENT_SETTINGS.filter(({ setting }) => (env[setting] ?? '') !== '');
  for (const { setting, taken, reason } of set) {
    if (taken === 'any' || taken.includes(env[setting] ?? '')) continue;
    throw new EngineError('CONFIG_INVALID', { setting, reason });
  }
  return set.filter(({ taken }) => taken === 'any').map(({ setting, reason }) => ({ setting, reason }));
}
