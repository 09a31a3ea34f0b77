import type { Command } from 'commander';
import { flagOf, SETTING_NAMES, SETTING_SOURCES, settingsSchema } from '../../config/schema.ts';
import { positionOrNull } from '../../core/position.ts';

/** Parses a position; another text is an error of usage. */
export function checkPosition(command: Command, flag: string, text: string): bigint {
  return positionOrNull(text) ?? command.error(`error: ${flag} is a position, a whole number`);
}

/** Parses a limit; another text is an error of usage. */
export function checkLimit(command: Command, text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 1000) command.error('error: --limit is a whole number, at most 1000');
  return Number(text);
}

/** Adds an option for each setting of the daemon that has a flag. */
export function addSettings(command: Command): void {
  addFlags(command, () => true);
}

/** Adds the options that name the schemas of the tables, for verbs that open the database. */
export function addSchemaSettings(command: Command): void {
  addFlags(command, (name) => name === 'schema' || name === 'extensionSchemas');
}

function addFlags(command: Command, which: (name: string) => boolean): void {
  for (const name of SETTING_NAMES) {
    if (!SETTING_SOURCES[name].flag || !which(name)) continue;
    command.option(`${flagOf(name)} <value>`, settingsSchema.shape[name].description);
  }
}
