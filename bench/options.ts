import { parseArgs } from 'node:util';

const PART_NAMES = [
  'band',
  'dancefinder',
  'others',
  'latency',
  'append',
  'idle',
  'idle-traffic',
  'flood',
  'publish',
  'push',
  'inspect',
  'paint',
] as const;
export type PartName = (typeof PART_NAMES)[number];

export interface Options {
  /** Events of the history of bands; the mixed one has half as many. */
  readonly events: number;
  readonly rounds: number;
  readonly parts: readonly PartName[];
  /** Also a million events of bands, and ten million others. */
  readonly full: boolean;
  readonly write: boolean;
}

export const USAGE = `npm run bench -- [--events N] [--rounds N] [--only ${PART_NAMES.join('|')}]… [--full] [--write]`;

/** @throws Error with a message for the command line */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true, default: [] },
      full: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const parts = PART_NAMES.filter((name) => values.only.length === 0 || values.only.includes(name));
  const unknown = values.only.find((name) => !PART_NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: known are ${PART_NAMES.join(', ')}`);
  return {
    events: count('events', values.events, 1000),
    rounds: count('rounds', values.rounds, 1),
    parts,
    full: values.full,
    write: values.write,
  };
}

function count(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${option} ${text}: a whole number from ${least}`);
  return value;
}
