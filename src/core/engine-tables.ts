/**
 * Every table of the engine. RESET empties the tables of a projection, so no projection may declare one of these. A test
 * compares this list with the migrated schema.
 */
export const ENGINE_TABLES = [
  'events',
  'readviews',
  'projection_state',
  'projection_failures',
  'projection_commands',
  'projection_transitions',
  'projection_attempts',
  'projection_migrations',
] as const;

const NAMES: ReadonlySet<string> = new Set(ENGINE_TABLES);

export function isEngineTable(table: string): boolean {
  return NAMES.has(table);
}
