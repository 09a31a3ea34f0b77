import type { Command } from 'commander';
import { flagOf, SETTING_NAMES, SETTING_SOURCES, settingsSchema } from '../../config/schema.ts';
import { positionOrNull } from '../../core/position.ts';

/** Ends with wrong usage unless the text is a position. */
export function checkPosition(command: Command, flag: string, text: string): bigint {
  return positionOrNull(text) ?? command.error(`error: ${flag} is a position, a whole number`);
}

export function checkLimit(command: Command, text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 1000) command.error('error: --limit is a whole number, at most 1000');
  return Number(text);
}

/** Options for all settings of the daemon that have a flag. */
export function addSettings(command: Command): void {
  addFlags(command, () => true);
}

/** Options that say where the tables are: verbs that open the database themselves need them too. */
export function addPlaceSettings(command: Command): void {
  addFlags(command, (name) => name === 'schema' || name === 'extensionSchemas');
}

function addFlags(command: Command, which: (name: string) => boolean): void {
  for (const name of SETTING_NAMES) {
    if (!SETTING_SOURCES[name].flag || !which(name)) continue;
    command.option(`${flagOf(name)} <value>`, settingsSchema.shape[name].description);
  }
}
