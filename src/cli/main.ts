#!/usr/bin/env node
import { packageVersion } from '../daemon/version.ts';
import { confirmOn } from './confirm.ts';
import { diskError, INCOMPLETE } from './disk-errors.ts';
import { runProgram } from './program.ts';
import { survivePipes } from './terminal.ts';
import { VERBS } from './verbs/verb-registry.ts';

// The exit code is set, and the process ends by itself: output that is still buffered is written first.
const outputGone = survivePipes([process.stdout]);
survivePipes([process.stderr]);
const code = await runProgram(process.argv.slice(2), VERBS, {
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
process.exitCode = code;
// The last writes may still fail. An export has reported an error of its own.
if (outputGone.aborted) reportLostOutput();
else outputGone.addEventListener('abort', reportLostOutput);

function reportLostOutput(): void {
  const lost = code === 0 ? diskError(outputGone.reason, 'stdout', INCOMPLETE) : null;
  if (lost === null) return;
  process.stderr.write(`projectionist: ${lost.message}\n`);
  process.exitCode = 1;
}
