import type { Sql } from '../src/postgres/pool.ts';

/** Enables or disables both triggers of the engine on `events`. No daemon may run while they are disabled. */
export async function switchTriggers(sql: Sql, on: boolean): Promise<void> {
  for (const trigger of ['projectionist_announce', 'projectionist_notify']) {
    await sql.unsafe(`ALTER TABLE events ${on ? 'ENABLE ALWAYS' : 'DISABLE'} TRIGGER ${trigger}`);
  }
}
