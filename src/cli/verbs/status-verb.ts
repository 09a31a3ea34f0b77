import { painter } from '../colours.ts';
import { clientFor } from '../find-client.ts';
import { showStatus } from '../status.ts';
import { defineVerb, examples } from './verb.ts';

interface StatusVerbOptions {
  /** Undefined: every projection. */
  readonly name: string | undefined;
  readonly json: boolean;
}

export const statusVerb = defineVerb<StatusVerbOptions>({
  name: 'status',
  define: (command, run) => {
    command
      .description('show every projection, or one')
      .argument('[name]')
      .option('--json', 'what the daemon says, for programs', false)
      .addHelpText('after', examples('status', 'status band', 'status band --json'))
      .action(async (name: string | undefined, { json }: { json: boolean }) => await run({ name, json }));
  },
  run: async (options, context) => {
    const { stdout } = context.terminal;
    const shown = { ...options, paint: painter(stdout, context.env) };
    await showStatus(await clientFor(context), shown, stdout, context.signal);
    return 0;
  },
});
