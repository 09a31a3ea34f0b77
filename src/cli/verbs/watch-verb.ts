import { Option } from 'commander';
import { untilAborted } from '../../core/signals.ts';
import { createClient } from '../client.ts';
import { finderFor } from '../find-client.ts';
import { pollStatuses } from '../poll.ts';
import { showPolls } from '../watch.ts';
import { watchStates } from '../watch-states.ts';
import { defineVerb, examples } from './verb.ts';

interface WatchOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly json: boolean;
  /** A line for each transition, in place of a table. */
  readonly states: boolean;
}

export const watchVerb = defineVerb<WatchOptions>({
  name: 'watch',
  define: (command, run) => {
    command
      .description('show the states as they change, until Ctrl-C: a table on a terminal, else a line for each change')
      .argument('[name]')
      .option('--json', 'an object for each change, for programs', false)
      .addOption(
        new Option('--states', 'a line for each transition as it happens, substates included')
          .default(false)
          .conflicts('json'),
      )
      .addHelpText(
        'after',
        examples('watch', 'watch band', 'watch --states', 'watch >> states.log', 'watch --json | jq .projection.state'),
      )
      .action(async (name: string | undefined, { json, states }: { json: boolean; states: boolean }) => {
        await run({ name, json, states });
      });
  },
  run: async ({ name, json, states }, context) => {
    const { stdout } = context.terminal;
    const find = await finderFor(context);
    const connect = async () => createClient(await find());
    await untilAborted({ signals: [context.signal, context.outputGone] }, async (signal) => {
      if (states) await watchStates({ find, name, signal, stdout });
      else await showPolls(pollStatuses({ connect, name, signal }), stdout, () => new Date(), json);
    });
    return 0;
  },
});
