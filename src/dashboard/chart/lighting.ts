import type { Chart } from './chart.ts';

/** What a step from one state to another goes along: a line of the chart, or none that is drawn. */
export interface Way {
  /** Index in `chart.lines`; null: the chart draws no line there (RESET, PAUSE and STOP lead from everywhere). */
  readonly line: number | null;
  /** Against the direction in which the line is drawn. */
  readonly backwards: boolean;
}

/** The line between two states, or else between the boxes they are in. */
export function wayOf(chart: Chart, from: string, to: string): Way {
  const [a, b] = topOf(from) === topOf(to) ? [from, to] : [topOf(from), topOf(to)];
  for (const [index, { between, both }] of chart.lines.entries()) {
    if (between[0] === a && between[1] === b) return { line: index, backwards: false };
    if (both && between[0] === b && between[1] === a) return { line: index, backwards: true };
  }
  return { line: null, backwards: false };
}

/** The boxes that are lit: the state and what it is in. */
export function litBy(substate: string): readonly string[] {
  const top = topOf(substate);
  return top === substate ? [top] : [top, substate];
}

/** Whether the machine takes this event in this state; true where the chart does not know the state. */
export function takes(chart: Chart, substate: string, event: string): boolean {
  return chart.takes[substate]?.includes(event) ?? true;
}

/** The state that XState tells as a value: `"resetting"`, `{"live":"waiting"}`. Null: this is no state. */
export function pathOfValue(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return null;
  const [[top, inside] = [], ...others] = Object.entries(value);
  if (top === undefined || others.length > 0) return null;
  const rest = pathOfValue(inside);
  return rest === null ? null : `${top}.${rest}`;
}

function topOf(path: string): string {
  return path.split('.')[0] ?? path;
}
