import { adoptVerb } from './adopt-verb.ts';
import { commandsVerb } from './commands-verb.ts';
import { exportVerb } from './export-verb.ts';
import { failuresExportVerb } from './failures-export-verb.ts';
import { failuresShowVerb } from './failures-show-verb.ts';
import { failuresVerb } from './failures-verb.ts';
import { forgetVerb } from './forget-verb.ts';
import { importVerb } from './import-verb.ts';
import { migrateVerb } from './migrate-verb.ts';
import { resetVerb } from './reset-verb.ts';
import { sendVerb } from './send-verb.ts';
import { skipVerb } from './skip-verb.ts';
import { startVerb } from './start-verb.ts';
import { statusVerb } from './status-verb.ts';
import { transitionsVerb } from './transitions-verb.ts';
import { tryVerb } from './try-verb.ts';
import type { Verb } from './verb.ts';
import { waitVerb } from './wait-verb.ts';
import { watchVerb } from './watch-verb.ts';

/** The verbs of `projectionist`, in the order of its help. A new verb is one line here. */
export const VERBS: readonly Verb[] = [
  startVerb,
  statusVerb,
  watchVerb,
  sendVerb,
  resetVerb,
  skipVerb,
  waitVerb,
  forgetVerb,
  adoptVerb,
  commandsVerb,
  transitionsVerb,
  failuresVerb,
  failuresShowVerb,
  failuresExportVerb,
  tryVerb,
  importVerb,
  exportVerb,
  migrateVerb,
];
