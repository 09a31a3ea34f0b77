import type { Output } from './terminal.ts';

const CODES = { red: 31, green: 32, yellow: 33, dim: 2 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

export const plain: Paint = (_, text) => text;
const coloured: Paint = (colour, text) => `\x1b[${CODES[colour]}m${text}\x1b[0m`;

/** Colours on a terminal only: a file or a pipe gets plain text. Any value of `NO_COLOR` turns them off (no-color.org). */
export function painter({ isTTY }: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  return isTTY === true && hasColours(env) ? coloured : plain;
}

/** Whether a terminal gets colours. */
export function hasColours(env: Readonly<Record<string, string | undefined>>): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}
