import { type Command, Option } from 'commander';
import type { OperatorCommandDefinition } from '../core/operator-commands/command-definition.ts';
import { OPERATOR_COMMANDS } from '../core/operator-commands/command-registry.ts';
import { SENDABLE } from './client.ts';
import type { Actions, CommandContext, ExitCode } from './program.ts';

type Result = { code: ExitCode };

/** What needs no more than the name of a projection. */
const SENT = OPERATOR_COMMANDS.filter(({ fields = [] }: OperatorCommandDefinition) => fields.length === 0);

const MAX_POSITION = 2n ** 63n - 1n;

/** For the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  projectionist ${line}`).join('\n')}`;
}

export function addWatch(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  program
    .command('watch')
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
      result.code = await actions.watch({ name, json, states }, context);
    });
}

export function addSend(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('send')
    .description('send an event to a projection, and say how it ended')
    .argument('<name>')
    .argument('<event>', SENT.map(({ name }) => name).join(', '))
    .option('--wait', 'until the projection is live again', false)
    .option('--json', 'the outcome as an object, for programs', false)
    .addHelpText('after', `\nEvents:\n${SENT.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}`)
    .addHelpText('after', examples('send band PAUSE', 'send band RESUME --wait', 'send band RETRY'));
  command.action(async (name: string, given: string, { wait, json }: { wait: boolean; json: boolean }) => {
    const event = SENDABLE.find((one) => one === given);
    if (event === undefined) return command.error(`error: no event '${given}': use one of ${SENDABLE.join(', ')}`);
    if (!SENT.some(({ name }) => name === event)) {
      return command.error(`error: ${event} needs more: use ${event.toLowerCase()} NAME --position P --reason TEXT`);
    }
    result.code = await actions.send({ name, event, wait, json }, context);
  });
}

export function addReset(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('reset')
    .description('empty the tables of a projection and fill them again from the first event')
    .argument('[name]')
    .option('--all', 'every projection', false)
    .option('--wait', 'until it is live again', false)
    .option('--timeout <seconds>', 'how long --wait waits', '3600')
    .option('--yes', 'yes, empty them: asks nothing on a terminal', false)
    .option('--json', 'an object for each, for programs', false)
    .addHelpText('after', examples('reset band', 'reset band --wait', 'reset --all --wait --timeout 600'));
  command.action(
    async (
      name: string | undefined,
      given: { all: boolean; wait: boolean; timeout: string; json: boolean; yes: boolean },
    ) => {
      const { all, wait, timeout, json, yes } = given;
      if ((name === undefined) !== all) command.error('error: give the name of a projection, or --all');
      if (!/^[1-9]\d{0,6}$/.test(timeout)) command.error('error: --timeout is a whole number of seconds');
      result.code = await actions.reset({ name, wait, timeoutMs: Number(timeout) * 1000, json, yes }, context);
    },
  );
}

export function addExport(program: Command, actions: Actions, context: CommandContext, result: Result): Command {
  const command = program
    .command('export')
    .description('write the events, one JSON object a line, as import takes them')
    .option('--from <position>', 'leave out the events before this position', '1')
    .option('--out <file>', 'write a file, which is there only when it is complete (default: stdout)')
    .addHelpText('after', examples('export --out history.ndjson', 'export --from 20001 | gzip > newer.ndjson.gz'));
  command.action(async (given: Record<string, unknown>) => {
    const { from, out, ...flags } = given;
    const position = /^\d{1,19}$/.test(String(from)) ? BigInt(String(from)) : -1n;
    if (position < 0n || position > MAX_POSITION) return command.error('error: --from is a position, a whole number');
    result.code = await actions.exportEvents(
      { from: position, out: out === undefined ? undefined : String(out), flags },
      context,
    );
  });
  return command;
}
