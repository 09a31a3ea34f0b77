import { clientFor } from '../find-client.ts';
import { defineVerb, examples, jsonLine } from './verb.ts';
import { checkPosition } from './verb-options.ts';

interface AdoptVerbOptions {
  readonly name: string;
  /** In decimal digits. */
  readonly position: string;
  readonly json: boolean;
}

export const adoptVerb = defineVerb<AdoptVerbOptions>({
  name: 'adopt',
  define: (command, run) => {
    command
      .description('accept the rows of tables that a projection was refused, and go on after a position')
      .argument('<name>')
      .requiredOption(
        '--position <position>',
        'the rows are the result of every event up to this position; 0: of no event',
      )
      .option('--json', 'print the answer as JSON', false)
      .addHelpText('after', examples('adopt band --position 4711', 'adopt band --position 0 --json'))
      .action(async (name: string, { position, json }: { position: string; json: boolean }) => {
        checkPosition(command, '--position', position);
        await run({ name, position, json });
      });
  },
  run: async ({ name, position, json }, context) => {
    const adopted = await (await clientFor(context)).adopt(name, position, context.signal);
    const words = `${name}: its rows are taken over, it goes on after ${position}\n`;
    context.terminal.stdout.write(json ? jsonLine(adopted) : words);
    return 0;
  },
});
