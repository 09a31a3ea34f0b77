import type { CommandRecord } from '../../core/command.ts';
import { clientFor } from '../find-client.ts';
import { oneLine, table } from '../terminal.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';
import { checkLimit } from './verb-options.ts';

interface CommandsVerbOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly limit: number;
  readonly json: boolean;
}

export const commandsVerb = defineVerb<CommandsVerbOptions>({
  name: 'commands',
  define: (command, run) => {
    command
      .description('list the commands to the projections, with sender and outcome; newest first')
      .argument('[name]')
      .option('--limit <number>', 'number of rows, at most 1000', '20')
      .option('--json', 'print the list as JSON', false)
      .addHelpText('after', examples('commands', 'commands band --limit 100', 'commands --json'))
      .action(async (name: string | undefined, { limit, json }: { limit: string; json: boolean }) => {
        await run({ name, limit: checkLimit(command, limit), json });
      });
  },
  run: async ({ name, limit, json }, context) => {
    const commands = await (await clientFor(context)).commands(name, limit, context.signal);
    context.terminal.stdout.write(json ? prettyJson(commands) : commandTable(commands));
    return 0;
  },
});

/** One line for each command. */
function commandTable(commands: readonly CommandRecord[]): string {
  const rows = commands.map((one) => [
    one.requestedAt,
    one.name,
    one.position === null ? one.event : `${one.event} ${one.position}`,
    one.state,
    one.requestedBy,
    [one.reason, one.message, one.warning].filter((text) => text !== null).join('; '),
  ]);
  return table([['WHEN', 'NAME', 'EVENT', 'STATE', 'BY', 'DETAIL'], ...rows.map((row) => row.map(oneLine))]);
}
