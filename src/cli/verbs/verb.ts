import type { Command } from 'commander';
import type { Confirm } from '../confirm.ts';
import type { Terminal } from '../terminal.ts';

/** 0 done, 1 the thing asked failed, 2 bad usage. */
export type ExitCode = 0 | 1 | 2;

/** What every verb gets beside its own options. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Null or left out where no person sits at the terminal: then nothing is asked. */
  readonly confirm?: Confirm | null;
  /** Aborted by Ctrl-C, except for `start`, which handles signals itself. */
  readonly signal: AbortSignal;
  /** Aborted when the reader of stdout is gone: a verb that would write for ever ends then. */
  readonly outputGone: AbortSignal;
}

/** Runs a verb whose arguments have been read. */
export type Execute = (
  verb: string,
  options: object,
  run: (context: CommandContext) => Promise<ExitCode>,
) => Promise<void>;

/** A verb of the command line, as the program adds it. */
export interface Verb {
  /** As it is typed: `status`, `failures show`. */
  readonly name: string;
  addTo(program: Command, execute: Execute): void;
}

export interface VerbDefinition<Options extends object> {
  readonly name: string;
  /**
   * Gives the command its description, arguments and options, and passes on what was typed. Wrong usage ends with
   * `command.error`.
   */
  readonly define: (command: Command, run: (options: Options) => Promise<void>) => void;
  /**
   * Does it.
   * @returns 1 when what was asked failed; the verb has written the reason to stderr
   * @throws any error: its message is written to stderr as one line
   */
  readonly run: (options: Options, context: CommandContext) => Promise<ExitCode>;
}

/** A verb in one place: what can be typed, what it does and what it prints. */
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
  if (found === undefined) throw new TypeError(`the verb '${word}' must stand before its subcommands in the registry`);
  return found;
}

/** For the end of a verb's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  projectionist ${line}`).join('\n')}`;
}

/** A line of JSON, for programs that read lines. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Indented JSON. */
export function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
