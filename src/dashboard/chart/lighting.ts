import type { Chart } from './chart.ts';

/** The line of the chart that a transition moves along. */
export interface Route {
  /** Index in `chart.lines`; null if the chart draws none (RESET, PAUSE and STOP are possible in nearly every state). */
  readonly line: number | null;
  /** True if the transition runs against the direction in which the line is drawn. */
  readonly backwards: boolean;
}

/** The line between two states of one box, or else between their boxes. */
export function routeOf(chart: Chart, from: string, to: string): Route {
  const [a, b] = topOf(from) === topOf(to) ? [from, to] : [topOf(from), topOf(to)];
  for (const [index, { between, both }] of chart.lines.entries()) {
    if (between[0] === a && between[1] === b) return { line: index, backwards: false };
    if (both && between[0] === b && between[1] === a) return { line: index, backwards: true };
  }
  return { line: null, backwards: false };
}

/** The boxes to light: the state and the box around it. */
export function litBy(substate: string): readonly string[] {
  const top = topOf(substate);
  return top === substate ? [top] : [top, substate];
}

/** Whether the machine accepts this event in this state; true if the chart does not know the state. */
export function accepts(chart: Chart, substate: string, event: string): boolean {
  return chart.accepts[substate]?.includes(event) ?? true;
}

/** The path of XState's state value: of `"resetting"`, or `{"live":"waiting"}`. Null if the value is no state. */
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
