import { clientFor } from '../find-client.ts';
import { defineVerb, examples, jsonLine } from './verb.ts';
import { checkPosition } from './verb-options.ts';

interface WaitVerbOptions {
  readonly name: string;
  /** Decimal digits, or `head`. */
  readonly position: string;
  readonly timeoutMs: number;
  readonly json: boolean;
}

export const waitVerb = defineVerb<WaitVerbOptions>({
  name: 'wait',
  define: (command, run) => {
    command
      .description('wait until a projection has applied everything up to a position')
      .argument('<name>')
      .option('--position <position>', 'position of an event')
      .option('--head', 'the last event that is stored now', false)
      .option('--timeout <seconds>', 'time to wait, at most 600', '30')
      .option('--json', 'print the answer as JSON', false)
      .addHelpText('after', examples('wait band --head', 'wait band --position 4711 --timeout 5'))
      .action(async (name: string, given: { position?: string; head: boolean; timeout: string; json: boolean }) => {
        const { head, timeout, json } = given;
        if ((given.position === undefined) !== head) command.error('error: give --position P, or --head');
        const seconds = /^\d{1,3}$/.test(timeout) ? Number(timeout) : Number.NaN;
        if (!(seconds <= 600)) command.error('error: --timeout is a whole number of seconds, at most 600');
        const position = given.position ?? 'head';
        if (!head) checkPosition(command, '--position', position);
        await run({ name, position, timeoutMs: seconds * 1000, json });
      });
  },
  run: async ({ name, position, timeoutMs, json }, context) => {
    const applied = await (await clientFor(context)).wait(name, position, timeoutMs, context.signal);
    const what = position === 'head' ? 'everything that was stored' : `everything up to ${position}`;
    context.terminal.stdout.write(json ? jsonLine(applied) : `${name}: ${what} is applied\n`);
    return 0;
  },
});
