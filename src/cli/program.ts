import { Command, CommanderError } from 'commander';
import { ABSENT_SETTINGS } from '../config/no-effect.ts';
import { flagOf, SETTING_NAMES, SETTING_SOURCES, settingsSchema } from '../config/schema.ts';
import { type ErrorCode, isEngineError } from '../core/errors.ts';
import type { Sendable } from './client.ts';
import { addExport, addReset, addSend, addWatch, examples } from './commands.ts';
import type { Confirm } from './confirm.ts';
import { addFailures, addTry } from './failure-commands.ts';
import { addOperatorCommands } from './operator-commands.ts';
import { oneLine, type Terminal } from './terminal.ts';

/** 0 done, 1 the thing asked failed, 2 bad usage. */
export type ExitCode = 0 | 1 | 2;

/** What every command gets beside its own options. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Null or left out where no person sits at the terminal: then nothing is asked. */
  readonly confirm?: Confirm | null;
  /** Aborted by Ctrl-C, except for `start`, which handles signals itself. */
  readonly signal: AbortSignal;
  /** Aborted when whoever reads stdout went away: a command that would write for ever ends then. */
  readonly outputGone: AbortSignal;
}

export interface StartOptions {
  /** Path as given; undefined: look in `cwd`. */
  readonly config: string | undefined;
  /** 'always' with --sample, 'never' with --no-sample, else 'if-embedded': only an empty private database gets it. */
  readonly sample: 'always' | 'never' | 'if-embedded';
  readonly traffic: boolean;
  /** For `readConfig`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/**
 * What the commands do. Each gives its exit code, having told the reason itself if it is 1, or throws: then the error's
 * message is told here.
 */
export interface Actions {
  start(options: StartOptions, context: CommandContext): Promise<ExitCode>;
  status(
    options: { readonly name: string | undefined; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  watch(
    options: { readonly name: string | undefined; readonly json: boolean; readonly states: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  send(
    options: { readonly name: string; readonly event: Sendable; readonly wait: boolean; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  reset(
    options: {
      readonly name: string | undefined;
      readonly wait: boolean;
      readonly timeoutMs: number;
      readonly json: boolean;
      /** Answers the question that a person is asked. */
      readonly yes: boolean;
    },
    context: CommandContext,
  ): Promise<ExitCode>;
  /** `position` in decimal digits. */
  skip(
    options: { readonly name: string; readonly position: string; readonly reason: string; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  /** `position` in decimal digits, or `head`. */
  wait(
    options: { readonly name: string; readonly position: string; readonly timeoutMs: number; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  forget(options: { readonly name: string; readonly json: boolean }, context: CommandContext): Promise<ExitCode>;
  /** `position` in decimal digits. */
  adopt(
    options: { readonly name: string; readonly position: string; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  commands(
    options: { readonly name: string | undefined; readonly limit: number; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  transitions(
    options: { readonly name: string; readonly limit: number; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  failures(
    options: { readonly name: string | undefined; readonly json: boolean },
    context: CommandContext,
  ): Promise<ExitCode>;
  showFailure(options: { readonly name: string; readonly json: boolean }, context: CommandContext): Promise<ExitCode>;
  /** `out`: a file; undefined for stdout. */
  exportCapsule(
    options: { readonly name: string; readonly out: string | undefined },
    context: CommandContext,
  ): Promise<ExitCode>;
  /** `config`: a file whose projections are tried on the database itself; undefined: the daemon tries its own. */
  tryFailed(
    options: {
      readonly name: string;
      readonly config: string | undefined;
      readonly json: boolean;
      readonly flags: StartOptions['flags'];
    },
    context: CommandContext,
  ): Promise<ExitCode>;
  /** `file` is '-' for stdin. */
  importFile(
    options: { readonly file: string; readonly flags: StartOptions['flags'] },
    context: CommandContext,
  ): Promise<ExitCode>;
  /** `from`: the first position wanted, 1 for all. `out`: a file; undefined for stdout. */
  exportEvents(
    options: { readonly from: bigint; readonly out: string | undefined; readonly flags: StartOptions['flags'] },
    context: CommandContext,
  ): Promise<ExitCode>;
  migrate(options: Pick<StartOptions, 'config' | 'flags'>, context: CommandContext): Promise<ExitCode>;
}

export interface ProgramOptions extends Omit<CommandContext, 'signal'> {
  readonly version: string;
  /** Calls back on Ctrl-C; returns the way to end that. */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** The ways in which the command was given, not what it does, is wrong. */
const USAGE_ERRORS: ReadonlySet<ErrorCode> = new Set(['CONFIG_INVALID', 'CONFIG_FILE', 'BIND_NEEDS_TOKEN']);

/** Parses the arguments (without node and script), runs the command, tells an error in one line. It never rejects. */
export async function runProgram(
  args: readonly string[],
  actions: Actions,
  options: ProgramOptions,
): Promise<ExitCode> {
  const { terminal } = options;
  const interrupted = new AbortController();
  const result: { code: ExitCode } = { code: 0 };
  const program = buildProgram(actions, { ...options, signal: interrupted.signal }, result);
  let release = (): void => undefined;
  program.hook('preAction', (_program, command) => {
    if (command.name() !== 'start') release = options.onInterrupt(() => interrupted.abort(new Error('interrupted')));
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return result.code;
  } catch (error) {
    if (error instanceof CommanderError) return explainUsage(error, terminal);
    terminal.stderr.write(`projectionist: ${describe(error)}\n`);
    if (/^(debug|trace)$/.test(options.env['LOG_LEVEL'] ?? '') && error instanceof Error)
      terminal.stderr.write(`${error.stack}\n`);
    return isEngineError(error) && USAGE_ERRORS.has(error.code) ? 2 : 1;
  } finally {
    release();
  }
}

function buildProgram(
  actions: Actions,
  context: CommandContext & { readonly version: string },
  result: { code: ExitCode },
): Command {
  const program = new Command('projectionist')
    .description('Keeps SQL read models right: event store in PostgreSQL, one state machine per projection.')
    .version(context.version)
    .exitOverride()
    // What is wrong is told once, by explainUsage.
    .configureOutput({ writeOut: (text) => void context.terminal.stdout.write(text), writeErr: () => undefined });
  const start = program
    .command('start')
    .description('run the daemon in the foreground until SIGTERM or SIGINT')
    .option('--config <file>', 'file that exports the projections (default: projectionist.config.js here)')
    .option('--sample', 'append the sample history to an empty store, whichever it is')
    .option('--no-sample', 'leave an empty private database empty')
    .option('--traffic', 'go on appending live events', false)
    .addHelpText('after', absentSettings)
    .addHelpText('after', examples('start', 'start --config dist/projectionist.config.js --port 0'));
  addSettings(start, () => true);
  start.action(async (given: Record<string, unknown>) => {
    const { config, sample, traffic, ...flags } = given;
    const when = sample === undefined ? 'if-embedded' : sample === true ? 'always' : 'never';
    result.code = await actions.start(
      { config: textOf(config), sample: when, traffic: traffic === true, flags },
      context,
    );
  });
  program
    .command('status')
    .description('show every projection, or one')
    .argument('[name]')
    .option('--json', 'what the daemon says, for programs', false)
    .addHelpText('after', examples('status', 'status band', 'status band --json'))
    .action(async (name: string | undefined, { json }: { json: boolean }) => {
      result.code = await actions.status({ name, json }, context);
    });
  addWatch(program, actions, context, result);
  addSend(program, actions, context, result);
  addReset(program, actions, context, result);
  addOperatorCommands(program, actions, context, result);
  addFailures(program, actions, context, result);
  addSettings(addTry(program, actions, context, result), isPlace);
  const importing = program
    .command('import')
    .description('append events from a file, one JSON object a line')
    .argument('<file>', 'a path, or - for stdin')
    .addHelpText('after', examples('import history.ndjson', 'import - < history.ndjson'));
  addSettings(importing, isPlace);
  importing.action(async (file: string, flags: Record<string, unknown>) => {
    result.code = await actions.importFile({ file, flags }, context);
  });
  addSettings(addExport(program, actions, context, result), isPlace);
  const migrating = program
    .command('migrate')
    .description('bring the tables of the engine and of the projections up to date')
    .option('--config <file>', 'file that exports the projections (default: projectionist.config.js here)')
    .addHelpText('after', examples('migrate', 'migrate --schema app'));
  addSettings(migrating, isPlace);
  migrating.action(async ({ config, ...flags }: Record<string, unknown>) => {
    result.code = await actions.migrate({ config: textOf(config), flags }, context);
  });
  return program;
}

function absentSettings(): string {
  return `\nNot there yet:\n${ABSENT_SETTINGS.map(({ setting, reason }) => `  ${setting}: ${reason}`).join('\n')}`;
}

/** Where tables are is asked of the commands that speak to the database themselves, too. */
function isPlace(name: string): boolean {
  return name === 'schema' || name === 'extensionSchemas';
}

function addSettings(command: Command, which: (name: string) => boolean): void {
  for (const name of SETTING_NAMES) {
    if (!SETTING_SOURCES[name].flag || !which(name)) continue;
    command.option(`${flagOf(name)} <value>`, settingsSchema.shape[name].description);
  }
}

function explainUsage(error: CommanderError, { stderr }: Terminal): ExitCode {
  if (error.exitCode === 0) return 0;
  const reason = error.code === 'commander.help' ? 'give a command' : error.message.replace(/^error: /, '');
  stderr.write(`projectionist: ${oneLine(reason)} (projectionist --help lists what there is)\n`);
  return 2;
}

function describe(error: unknown): string {
  return oneLine(error instanceof Error && error.message !== '' ? error.message : String(error)).slice(0, 1_000);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
