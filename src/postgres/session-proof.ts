import type { Client, ClientBase } from 'pg';
import type { Clock } from '../core/clock.ts';
import { EngineError } from '../core/errors.ts';
import { backendKeyOf, socketOf } from './driver.ts';
import { REQUIRED_NAMES, requiredSettings } from './session-settings.ts';

/** The settings that a session must have, and the statement that sets them behind a pooler. */
export interface Proof {
  readonly settings: ReadonlyMap<string, string>;
  /** One statement that sets all of them for the current transaction. */
  readonly prelude: string;
}

/** Sessions behind a pooler, with the prelude that each of their transactions begins with. */
export const pooled = new WeakMap<ClientBase, string>();

export function proofOf(settings: ReadonlyMap<string, string>): Proof {
  const set = [...settings].map(([name, value]) => `set_config('${name}', '${value.replaceAll("'", "''")}', true)`);
  return { settings, prelude: `SELECT ${set.join(', ')}` };
}

/**
 * Reads the pid and the settings of a new session. The session is ours alone if its pid at the server equals the one in the
 * answer to the start-up message: a pooler answers with a number of its own.
 * @returns whether the session is ours alone and has all settings
 * @throws EngineError SESSION_SETTING if a setting that only a superuser may change is wrong
 */
export async function proveSession(client: Client, proof: Proof, withinMs: number, clock: Clock): Promise<boolean> {
  const names = [...proof.settings.keys(), ...REQUIRED_NAMES];
  // The driver's deadline covers the start-up alone, and a peer can vanish right after it.
  const cancelTimer = clock.later(withinMs, () => socketOf(client).destroy());
  try {
    const { rows } = await client.query<{ pid: number; name: string; value: string }>({
      text: `SELECT pg_backend_pid() AS pid, name, current_setting(name) AS value FROM unnest($1::text[]) AS n (name)`,
      values: [`{${names.join(',')}}`],
    });
    let own = true;
    for (const { pid, name, value } of rows) {
      const required = requiredSettings.get(name);
      if (required !== undefined && value !== required) {
        throw new EngineError('SESSION_SETTING', { setting: name, value, required });
      }
      if (pid !== backendKeyOf(client)?.pid) own = false;
      if (required === undefined && value !== proof.settings.get(name)) own = false;
    }
    return own;
  } finally {
    cancelTimer();
  }
}
