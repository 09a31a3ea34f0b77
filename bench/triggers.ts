import type { Sql } from '../src/postgres/pool.ts';

/** The engine's two triggers on `events`, both on or both off. Nothing may be projecting while they are off. */
export async function switchTriggers(sql: Sql, on: boolean): Promise<void> {
  for (const trigger of ['projectionist_announce', 'projectionist_notify']) {
    await sql.unsafe(`ALTER TABLE events ${on ? 'ENABLE ALWAYS' : 'DISABLE'} TRIGGER ${trigger}`);
  }
}
