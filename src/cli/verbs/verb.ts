import type { Command } from 'commander';
import type { Confirm } from '../confirm.ts';
import type { Terminal } from '../terminal.ts';

/** 0: done. 1: the command failed. 2: wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** What each verb gets in addition to its own options. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Null or absent without a terminal: the verb asks no question. */
  readonly confirm?: Confirm | null;
  /** Aborted by Ctrl-C, except for `start`, which handles signals itself. */
  readonly signal: AbortSignal;
  /** Aborted when stdout cannot be written any more: a verb that writes until a signal ends then. */
  readonly outputGone: AbortSignal;
}

/** Runs a verb after its arguments are parsed. */
export type Execute = (
  verb: string,
  options: object,
  run: (context: CommandContext) => Promise<ExitCode>,
) => Promise<void>;

/** A verb of the command line, which the program adds. */
export interface Verb {
  /** As typed: `status`, `failures show`. */
  readonly name: string;
  addTo(program: Command, execute: Execute): void;
}

export interface VerbDefinition<Options extends object> {
  readonly name: string;
  /**
   * Gives the command its description, arguments and options, and calls `run` with the parsed options. For wrong usage it
   * calls `command.error`.
   */
  readonly define: (command: Command, run: (options: Options) => Promise<void>) => void;
  /**
   * Executes the verb.
   * @returns 1 when it failed; the verb has written the reason to stderr
   * @throws any error: the program writes its message to stderr as one line
   */
  readonly run: (options: Options, context: CommandContext) => Promise<ExitCode>;
}

/** Defines a verb: its arguments, its action and its output. */
export function defineVerb<Options extends object>(
  definition: VerbDefinition<Options>,
): Verb & Pick<VerbDefinition<Options>, 'run'> {
  const { name, define, run } = definition;
  return {
    name,
    run,
    addTo(program, execute) {
      const words = name.split(' ');
      const parent = words.slice(0, -1).reduce(subcommand, program);
      define(parent.command(words.slice(-1).join()), (options) =>
        execute(name, options, (context) => run(options, context)),
      );
    },
  };
}

function subcommand(parent: Command, word: string): Command {
  const found = parent.commands.find((one) => one.name() === word);
  if (found === undefined) throw new TypeError(`the verb '${word}' must be in the registry before its subcommands`);
  return found;
}

/** The examples at the end of a verb's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  projectionist ${line}`).join('\n')}`;
}

/** JSON on one line. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Indented JSON. */
export function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
