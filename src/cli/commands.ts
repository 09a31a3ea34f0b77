import type { Command } from 'commander';
import { SENDABLE } from './client.ts';
import type { Actions, CommandContext, ExitCode } from './program.ts';

type Result = { code: ExitCode };

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
    .option('--states', 'a line for each transition as it happens, substates included', false)
    .addHelpText('after', examples('watch', 'watch band', 'watch --states', 'watch >> states.log'))
    .action(async (name: string | undefined, { states }: { states: boolean }) => {
      result.code = await actions.watch({ name, states }, context);
    });
}

export function addSend(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('send')
    .description('send an event to a projection, and say how it ended')
    .argument('<name>')
    .argument('<event>', SENDABLE.join(', '))
    .option('--wait', 'until the projection is live again', false)
    .addHelpText('after', examples('send band PAUSE', 'send band RESUME --wait', 'send band RETRY'));
  command.action(async (name: string, given: string, { wait }: { wait: boolean }) => {
    const event = SENDABLE.find((one) => one === given);
    if (event === undefined) return command.error(`error: no event '${given}': use one of ${SENDABLE.join(', ')}`);
    result.code = await actions.send({ name, event, wait }, context);
  });
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
