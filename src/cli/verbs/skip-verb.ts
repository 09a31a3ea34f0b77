import { clientFor } from '../find-client.ts';
import { sendEvent } from '../send.ts';
import { defineVerb, examples } from './verb.ts';
import { checkPosition } from './verb-options.ts';

interface SkipVerbOptions {
  readonly name: string;
  /** In decimal digits. */
  readonly position: string;
  readonly reason: string;
  readonly json: boolean;
}

export const skipVerb = defineVerb<SkipVerbOptions>({
  name: 'skip',
  define: (command, run) => {
    command
      .description('skip the failed event at which a projection has stopped')
      .argument('<name>')
      .requiredOption('--position <position>', 'position of that event, as in status')
      .requiredOption('--reason <text>', 'why, for the record')
      .option('--json', 'print the outcome as JSON', false)
      .addHelpText(
        'after',
        examples(
          'skip band --position 4711 --reason "a test of ours, INC-12"',
          'skip band --position 4711 --reason x --json',
        ),
      )
      .action(async (name: string, given: { position: string; reason: string; json: boolean }) => {
        checkPosition(command, '--position', given.position);
        await run({ name, ...given });
      });
  },
  run: async (options, context) => {
    const skip = { ...options, event: 'SKIP', wait: false } as const;
    return (await sendEvent(await clientFor(context), skip, context.terminal, context.signal)) ? 0 : 1;
  },
});
