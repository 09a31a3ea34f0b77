import type { OperatorCommandDefinition } from '../../core/operator-commands/command-definition.ts';
import {
  OPERATOR_COMMANDS,
  OPERATOR_EVENTS,
  type OperatorEvent,
} from '../../core/operator-commands/command-registry.ts';
import { clientFor } from '../find-client.ts';
import { sendEvent } from '../send.ts';
import { defineVerb, examples } from './verb.ts';

/** The commands that need only the name of a projection. */
const SENDABLE = OPERATOR_COMMANDS.filter(({ fields = [] }: OperatorCommandDefinition) => fields.length === 0);
const EVENTS_HELP = SENDABLE.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n');

interface SendVerbOptions {
  readonly name: string;
  readonly event: OperatorEvent;
  readonly wait: boolean;
  readonly json: boolean;
}

export const sendVerb = defineVerb<SendVerbOptions>({
  name: 'send',
  define: (command, run) => {
    command
      .description('send a command to a projection, and print its outcome')
      .argument('<name>')
      .argument('<event>', SENDABLE.map(({ name }) => name).join(', '))
      .option('--wait', 'wait until the projection is live', false)
      .option('--json', 'print the outcome as JSON', false)
      .addHelpText('after', `\nEvents:\n${EVENTS_HELP}`)
      .addHelpText('after', examples('send band PAUSE', 'send band RESUME --wait', 'send band RETRY'))
      .action(async (name: string, given: string, { wait, json }: { wait: boolean; json: boolean }) => {
        const event = OPERATOR_EVENTS.find((one) => one === given);
        if (event === undefined)
          return command.error(`error: no event '${given}': use one of ${SENDABLE.map((one) => one.name).join(', ')}`);
        if (!SENDABLE.some((one) => one.name === event)) {
          return command.error(
            `error: ${event} needs a position and a reason: use ${event.toLowerCase()} NAME --position P --reason TEXT`,
          );
        }
        await run({ name, event, wait, json });
      });
  },
  run: async (options, context) =>
    (await sendEvent(await clientFor(context), options, context.terminal, context.signal)) ? 0 : 1,
});
