import type { Command } from 'commander';
import { EngineError } from '../../core/errors.ts';
import { describeFailure } from '../failure-report.ts';
import { clientFor } from '../find-client.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';

export const failuresShowVerb = defineVerb<{ readonly name: string; readonly json: boolean }>({
  name: 'failures show',
  define: (command, run) => {
    command
      .description('show the failed event at which a projection has stopped')
      .argument('<name>')
      .option('--json', 'print the answer of the daemon as JSON', false)
      .addHelpText('after', examples('failures show band'))
      // `failures` has the same option, and commander gives it to the parent command.
      .action(async (name: string, { json }: { json: boolean }, { parent }: Command) => {
        await run({ name, json: json || parent?.opts()['json'] === true });
      });
  },
  run: async ({ name, json }, context) => {
    const failures = await (await clientFor(context)).failures(name, context.signal);
    const current = failures.findLast(({ skipped }) => skipped === null);
    if (current === undefined) throw new EngineError('NOTHING_FAILED', { name, reason: 'no event has failed' });
    context.terminal.stdout.write(json ? prettyJson(current) : describeFailure(current));
    return 0;
  },
});
