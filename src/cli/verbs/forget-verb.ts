import { clientFor } from '../find-client.ts';
import { defineVerb, examples, jsonLine } from './verb.ts';

export const forgetVerb = defineVerb<{ readonly name: string; readonly json: boolean }>({
  name: 'forget',
  define: (command, run) => {
    command
      .description(
        'remove position, failures and history of a projection that no config file declares; its tables stay',
      )
      .argument('<name>')
      .option('--yes', 'confirm the removal', false)
      .option('--json', 'print the answer as JSON', false)
      .addHelpText('after', examples('forget old_prices --yes', 'forget old_prices --yes --json'))
      .action(async (name: string, { yes, json }: { yes: boolean; json: boolean }) => {
        if (!yes) command.error(`error: this cannot be undone; repeat it as forget ${name} --yes`);
        await run({ name, json });
      });
  },
  run: async ({ name, json }, context) => {
    const forgotten = await (await clientFor(context)).forget(name, context.signal);
    const { tables } = forgotten;
    const rest = tables.length === 0 ? 'it has no known table' : `its tables are still there: ${tables.join(', ')}`;
    context.terminal.stdout.write(json ? jsonLine(forgotten) : `${name}: forgotten; ${rest}\n`);
    return 0;
  },
});
