import { Command, CommanderError } from 'commander';
import { type ErrorCode, isEngineError } from '../core/errors.ts';
import { oneLine, type Terminal } from './terminal.ts';
import type { CommandContext, Execute, ExitCode, Verb } from './verbs/verb.ts';

export interface ProgramOptions extends Omit<CommandContext, 'signal'> {
  readonly version: string;
  /** Adds a listener for Ctrl-C. @returns a function that removes it */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** Errors in how the command was typed or configured: exit code 2. */
const USAGE_ERRORS: ReadonlySet<ErrorCode> = new Set(['CONFIG_INVALID', 'CONFIG_FILE', 'BIND_NEEDS_TOKEN']);

/**
 * Parses the arguments (without node and script) and runs the verb. An error is written to stderr as one line. Never
 * rejects.
 */
export async function runProgram(
  args: readonly string[],
  verbs: readonly Verb[],
  options: ProgramOptions,
): Promise<ExitCode> {
  const { terminal } = options;
  const interrupted = new AbortController();
  let code: ExitCode = 0;
  let release = (): void => undefined;
  const execute: Execute = async (verb, _given, run) => {
    if (verb !== 'start') release = options.onInterrupt(() => interrupted.abort(new Error('interrupted')));
    code = await run({ ...options, signal: interrupted.signal });
  };
  try {
    await buildProgram(verbs, execute, options).parseAsync([...args], { from: 'user' });
    return code;
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

function buildProgram(verbs: readonly Verb[], execute: Execute, { version, terminal }: ProgramOptions): Command {
  const program = new Command('projectionist')
    .description('Keeps SQL read models right: event store in PostgreSQL, one state machine per projection.')
    .version(version)
    .exitOverride()
    // explainUsage writes each error, once.
    .configureOutput({ writeOut: (text) => void terminal.stdout.write(text), writeErr: () => undefined });
  for (const verb of verbs) verb.addTo(program, execute);
  return program;
}

function explainUsage(error: CommanderError, { stderr }: Terminal): ExitCode {
  if (error.exitCode === 0) return 0;
  const reason = error.code === 'commander.help' ? 'give a command' : error.message.replace(/^error: /, '');
  stderr.write(`projectionist: ${oneLine(reason)} (projectionist --help lists the commands)\n`);
  return 2;
}

function describe(error: unknown): string {
  return oneLine(error instanceof Error && error.message !== '' ? error.message : String(error)).slice(0, 1_000);
}
