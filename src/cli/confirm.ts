import { createInterface } from 'node:readline/promises';

/** Asks the person at the terminal a question. False: any answer but yes, and the end of the input. */
export type Confirm = (question: string, signal: AbortSignal) => Promise<boolean>;

interface Terminals {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Asks on stderr, since a program may read stdout. Null where stdin or stderr is no terminal: nothing can be asked. */
export function confirmOn({ stdin, stderr }: Terminals): Confirm | null {
  if (!stdin.isTTY || !stderr.isTTY) return null;
  return async (question, signal) => {
    const lines = createInterface({ input: stdin, output: stderr });
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    try {
      const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended]);
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  };
}
