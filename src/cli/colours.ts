import { mayColour, type Output } from './terminal.ts';

type Colour = 'red' | 'green' | 'dim';
export type Paint = (colour: Colour, text: string) => string;

const CODES = { red: 31, green: 32, dim: 2 } as const;

/** Colours on a terminal only, and never with NO_COLOR: a file or a pipe gets plain text. */
export function painter(stdout: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!mayColour(stdout, env)) return (_, text) => text;
  return (colour, text) => `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
