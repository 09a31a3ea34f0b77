import type { Client, ClientBase } from 'pg';
import { EngineError } from '../core/errors.ts';
import { REQUIRED_NAMES, requiredSettings } from './session-settings.ts';

/** What a session has to show, and what is sent where it cannot. */
export interface Proof {
  readonly settings: ReadonlyMap<string, string>;
  /** One statement that gives a transaction all of the settings. */
  readonly prelude: string;
}

/** Sessions behind a pooler, with the statement that each of their transactions begins with. */
export const pooled = new WeakMap<ClientBase, string>();

export function proofOf(settings: ReadonlyMap<string, string>): Proof {
  const set = [...settings].map(([name, value]) => `set_config('${name}', '${value.replaceAll("'", "''")}', true)`);
  return { settings, prelude: `SELECT ${set.join(', ')}` };
}

/**
 * Asks a new session who it is and what is set there. It is ours alone if the server knows it by the number that the
 * start-up message was answered with: a pooler answers with one of its own making.
 * @returns whether it is, and everything is set. @throws EngineError SESSION_SETTING
 */
export async function proveSession(client: Client, proof: Proof, withinMs: number): Promise<boolean> {
  const names = [...proof.settings.keys(), ...REQUIRED_NAMES];
  // The driver's own deadline ends with the start-up; a peer may fall silent right after it.
  const silent = setTimeout(() => client.connection.stream.destroy(), withinMs);
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
      if (pid !== Reflect.get(client, 'processID')) own = false;
      if (required === undefined && value !== proof.settings.get(name)) own = false;
    }
    return own;
  } finally {
    clearTimeout(silent);
  }
}
