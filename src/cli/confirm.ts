import { createInterface } from 'node:readline/promises';

/** Asks whoever sits at the terminal; null where nobody does. */
export type Confirm = (question: string, signal: AbortSignal) => Promise<boolean>;

interface Terminals {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

/** On stderr, so that what is written to stdout stays what a program reads. */
export function confirmOn({ stdin, stderr }: Terminals): Confirm | null {
  if (!stdin.isTTY || !stderr.isTTY) return null;
  return async (question, signal) => {
    const lines = createInterface({ input: stdin, output: stderr });
    const gone = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    try {
      const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), gone]);
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  };
}
