import type { TransitionRecord } from '../../core/transition.ts';
import { clientFor } from '../find-client.ts';
import { oneLine, table } from '../terminal.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';
import { checkLimit } from './verb-options.ts';

interface TransitionsVerbOptions {
  readonly name: string;
  readonly limit: number;
  readonly json: boolean;
}

export const transitionsVerb = defineVerb<TransitionsVerbOptions>({
  name: 'transitions',
  define: (command, run) => {
    command
      .description('list the transitions of a projection, with their causes; newest first')
      .argument('<name>')
      .option('--limit <number>', 'number of rows, at most 1000', '20')
      .option('--json', 'print the list as JSON', false)
      .addHelpText('after', examples('transitions band', 'transitions band --limit 100 --json'))
      .action(async (name: string, { limit, json }: { limit: string; json: boolean }) => {
        await run({ name, limit: checkLimit(command, limit), json });
      });
  },
  run: async ({ name, limit, json }, context) => {
    const transitions = await (await clientFor(context)).transitions(name, limit, context.signal);
    context.terminal.stdout.write(json ? prettyJson(transitions) : transitionTable(transitions));
    return 0;
  },
});

function transitionTable(transitions: readonly TransitionRecord[]): string {
  const rows = transitions.map((one) => [
    one.at,
    `${one.from} -> ${one.to}`,
    one.position,
    one.cause,
    one.daemon,
    one.detail ?? '',
  ]);
  return table([['WHEN', 'STATE', 'CURSOR', 'CAUSE', 'DAEMON', 'DETAIL'], ...rows.map((row) => row.map(oneLine))]);
}
