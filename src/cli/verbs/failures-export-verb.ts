import { writeWholeFile } from '../export-events.ts';
import { clientFor } from '../find-client.ts';
import { defineVerb, examples, prettyJson } from './verb.ts';

interface FailuresExportOptions {
  readonly name: string;
  /** A file; undefined: stdout. */
  readonly out: string | undefined;
}

export const failuresExportVerb = defineVerb<FailuresExportOptions>({
  name: 'failures export',
  define: (command, run) => {
    command
      .description('write a capsule, the snapshot of a failure with which a test makes the event fail again')
      .argument('<name>')
      .option('--out <file>', 'write a file, which exists only when it is complete (default: stdout)')
      .addHelpText('after', examples('failures export band --out band.capsule.json'))
      .action(async (name: string, { out }: { out?: string }) => await run({ name, out }));
  },
  run: async ({ name, out }, context) => {
    const text = prettyJson(await (await clientFor(context)).capsule(name, context.signal));
    if (out === undefined) context.terminal.stdout.write(text);
    else {
      await writeWholeFile(out, text, context);
      context.terminal.stdout.write(`the capsule of '${name}' is in ${out}\n`);
    }
    return 0;
  },
});
