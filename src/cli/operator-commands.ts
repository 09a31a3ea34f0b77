import type { Command } from 'commander';
import { examples } from './commands.ts';
import type { Actions, CommandContext, ExitCode } from './program.ts';

type Result = { code: ExitCode };
type Json = { readonly json: boolean };

/** What operators need beside `send` and `reset`. */
export function addOperatorCommands(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  addSkip(program, actions, context, result);
  addWait(program, actions, context, result);
  addForget(program, actions, context, result);
  addAdopt(program, actions, context, result);
  addCommands(program, actions, context, result);
  addTransitions(program, actions, context, result);
}

function addSkip(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('skip')
    .description('pass over the event that a projection stands before because it failed')
    .argument('<name>')
    .requiredOption('--position <position>', 'of that event, as status shows it')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--json', 'the outcome as an object, for programs', false)
    .addHelpText(
      'after',
      examples(
        'skip band --position 4711 --reason "a test of ours, INC-12"',
        'skip band --position 4711 --reason x --json',
      ),
    );
  command.action(async (name: string, given: { position: string; reason: string } & Json) => {
    const { position, reason, json } = given;
    checkPosition(command, position);
    result.code = await actions.skip({ name, position, reason, json }, context);
  });
}

function addWait(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('wait')
    .description('wait until a projection has applied everything up to a position')
    .argument('<name>')
    .option('--position <position>', 'of an event')
    .option('--head', 'everything that is stored now', false)
    .option('--timeout <seconds>', 'how long, at most 600', '30')
    .option('--json', 'the answer as an object, for programs', false)
    .addHelpText('after', examples('wait band --head', 'wait band --position 4711 --timeout 5'));
  command.action(async (name: string, given: { position?: string; head: boolean; timeout: string } & Json) => {
    const { head, timeout, json } = given;
    if ((given.position === undefined) !== head) command.error('error: give --position P, or --head');
    const seconds = /^\d{1,3}$/.test(timeout) ? Number(timeout) : Number.NaN;
    if (!(seconds <= 600)) command.error('error: --timeout is a whole number of seconds, at most 600');
    const position = given.position ?? 'head';
    if (!head) checkPosition(command, position);
    result.code = await actions.wait({ name, position, timeoutMs: seconds * 1000, json }, context);
  });
}

function addForget(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('forget')
    .description('remove position, failures and history of a projection that is declared no more; its tables stay')
    .argument('<name>')
    .option('--yes', 'yes, remove them', false)
    .option('--json', 'the answer as an object, for programs', false)
    .addHelpText('after', examples('forget old_prices --yes', 'forget old_prices --yes --json'));
  command.action(async (name: string, { yes, json }: { yes: boolean } & Json) => {
    if (!yes) command.error(`error: this cannot be undone; repeat it as forget ${name} --yes`);
    result.code = await actions.forget({ name, json }, context);
  });
}

function addAdopt(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('adopt')
    .description('give a projection that was refused its filled tables their rows, and go on after a position')
    .argument('<name>')
    .requiredOption('--position <position>', 'the rows are the result of every event up to this one; 0: of none')
    .option('--json', 'the answer as an object, for programs', false)
    .addHelpText('after', examples('adopt band --position 4711', 'adopt band --position 0 --json'));
  command.action(async (name: string, { position, json }: { position: string } & Json) => {
    checkPosition(command, position);
    result.code = await actions.adopt({ name, position, json }, context);
  });
}

function addCommands(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('commands')
    .description('what was asked of the projections, by whom, and what came of it; the newest first')
    .argument('[name]')
    .option('--limit <number>', 'how many, at most 1000', '20')
    .option('--json', 'as a list of objects, for programs', false)
    .addHelpText('after', examples('commands', 'commands band --limit 100', 'commands --json'));
  command.action(async (name: string | undefined, { limit, json }: { limit: string } & Json) => {
    result.code = await actions.commands({ name, limit: checkLimit(command, limit), json }, context);
  });
}

function addTransitions(program: Command, actions: Actions, context: CommandContext, result: Result): void {
  const command = program
    .command('transitions')
    .description('the changes of state of a projection, with their causes; the newest first')
    .argument('<name>')
    .option('--limit <number>', 'how many, at most 1000', '20')
    .option('--json', 'as a list of objects, for programs', false)
    .addHelpText('after', examples('transitions band', 'transitions band --limit 100 --json'));
  command.action(async (name: string, { limit, json }: { limit: string } & Json) => {
    result.code = await actions.transitions({ name, limit: checkLimit(command, limit), json }, context);
  });
}

function checkPosition(command: Command, text: string): void {
  if (!/^\d{1,19}$/.test(text)) command.error('error: --position is a position, a whole number');
}

function checkLimit(command: Command, text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 1000) command.error('error: --limit is a whole number, at most 1000');
  return Number(text);
}
