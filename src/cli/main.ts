#!/usr/bin/env node
import { clientActions } from './client-actions.ts';
import { confirmOn } from './confirm.ts';
import { databaseActions } from './database-actions.ts';
import { failureActions } from './failure-actions.ts';
import { operatorActions } from './operator-actions.ts';
import { type Actions, runProgram } from './program.ts';
import { survivePipes } from './terminal.ts';
import { packageVersion } from './version.ts';

/** The command line. Sets the exit code and lets what is still to be written be written. */
async function main(actions: Actions): Promise<void> {
  const outputGone = survivePipes([process.stdout]);
  survivePipes([process.stderr]);
  process.exitCode = await runProgram(process.argv.slice(2), actions, {
    version: packageVersion(),
    terminal: { stdout: process.stdout, stderr: process.stderr },
    env: process.env,
    cwd: process.cwd(),
    confirm: confirmOn(process),
    outputGone,
    onInterrupt: (listener) => {
      process.once('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
  });
}

await main({
  ...clientActions,
  ...operatorActions,
  ...databaseActions,
  ...failureActions,
  start: async (options, context) => {
    // Imported when needed: the other commands start in half the time.
    const { start } = await import('./start.ts');
    return await start(options, context);
  },
});
