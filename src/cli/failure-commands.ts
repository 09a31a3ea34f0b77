import type { Command } from 'commander';
import { examples } from './commands.ts';
import type { Actions, CommandContext, ExitCode } from './program.ts';

type Result = { code: ExitCode };

/** `failures`, `failures show`, `failures export`. */
export function addFailures(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('failures')
    .description('list the events that could not be applied, of every projection or of one')
    .argument('[name]')
    .option('--json', 'what the daemon says, for programs', false)
    .addHelpText('after', examples('failures', 'failures band --json', 'failures show band', 'failures export band'));
  command.action(async (name: string | undefined, { json }: { json: boolean }) => {
    result.code = await actions.failures({ name, json }, context);
  });
  command
    .command('show')
    .description('show the event that a projection stands before')
    .argument('<name>')
    .option('--json', 'what the daemon says, for programs', false)
    .addHelpText('after', examples('failures show band'))
    // The option is known to `failures` as well, which takes it first.
    .action(async (name: string, { json }: { json: boolean }, { parent }: Command) => {
      result.code = await actions.showFailure({ name, json: json || parent?.opts()['json'] === true }, context);
    });
  command
    .command('export')
    .description('write a capsule: everything a test needs to make the event fail again')
    .argument('<name>')
    .option('--out <file>', 'write a file, which is there only when it is complete (default: stdout)')
    .addHelpText('after', examples('failures export band --out band.capsule.json'))
    .action(async (name: string, { out }: { out?: string }) => {
      result.code = await actions.exportCapsule({ name, out }, context);
    });
}

export function addTry(program: Command, actions: Actions, context: CommandContext, result: Result): Command {
  return program
    .command('try')
    .description('run the event that a projection stands before, show what it does, and roll it back')
    .argument('<name>')
    .option('--config <file>', "try the projections of this file on the database itself, not the daemon's code")
    .option('--json', 'the report, for programs', false)
    .addHelpText('after', examples('try band', 'try band --config dist/projectionist.config.js'))
    .action(
      async (
        name: string,
        { config, json, ...flags }: { config?: string; json: boolean; schema?: string; extensionSchemas?: string },
      ) => {
        result.code = await actions.tryFailed({ name, config, json, flags }, context);
      },
    );
}
