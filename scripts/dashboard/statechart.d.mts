import type { AnyStateMachine } from 'xstate';
import type { arrowsOf, leavesOf } from '../../machines/arrows.ts';
import type { Chart } from '../../src/dashboard/chart/chart.ts';

export function layOut(
  machine: AnyStateMachine,
  walk: { readonly arrowsOf: typeof arrowsOf; readonly leavesOf: typeof leavesOf },
  commandEvents: readonly string[],
): Promise<Chart>;
