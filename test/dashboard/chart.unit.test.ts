import { describe, expect, test } from 'vitest';
import { arrowsOf, leavesOf } from '../../machines/arrows.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { layOut } from '../../scripts/dashboard/statechart.mjs';
import { COMMAND_EVENTS } from '../../src/core/operator-commands/command-definition.ts';
import type { Chart } from '../../src/dashboard/chart/chart.ts';
import { accepts, litBy, pathOfValue, routeOf } from '../../src/dashboard/chart/lighting.ts';
import { TransitionReader } from '../../src/dashboard/inspection.ts';

const CHART: Chart = {
  width: 100,
  height: 100,
  states: [],
  lines: [
    { between: ['live', 'failed'], both: true, points: [] },
    { between: ['idle.opening', 'idle.standby'], both: false, points: [] },
  ],
  accepts: { 'failed.halted': ['RESET', 'RETRY'], 'live.waiting': ['RESET', 'PAUSE'] },
};

test('a transition moves along the line between its states, or between their boxes, in either direction', () => {
  expect(routeOf(CHART, 'live.working', 'failed.halted')).toEqual({ line: 0, backwards: false });
  expect(routeOf(CHART, 'failed.attempting', 'live.waiting')).toEqual({ line: 0, backwards: true });
  expect(routeOf(CHART, 'idle.opening', 'idle.standby')).toEqual({ line: 1, backwards: false });
  // The chart has no arrow back, and draws none to a reset.
  expect(routeOf(CHART, 'idle.standby', 'idle.opening').line).toBeNull();
  expect(routeOf(CHART, 'live.waiting', 'resetting').line).toBeNull();
});

test('a state is lit together with the box around it', () => {
  expect(litBy('live.waiting')).toEqual(['live', 'live.waiting']);
  expect(litBy('resetting')).toEqual(['resetting']);
});

test('a command can be sent in a state that accepts it; in a state that the chart does not know, the daemon decides', () => {
  expect([accepts(CHART, 'failed.halted', 'RETRY'), accepts(CHART, 'live.waiting', 'RETRY')]).toEqual([true, false]);
  expect(accepts(CHART, 'newer.state', 'RETRY')).toBe(true);
});

test('a state value of XState has a path; any other value has none', () => {
  expect([pathOfValue('resetting'), pathOfValue({ live: 'waiting' })]).toEqual(['resetting', 'live.waiting']);
  expect([null, 7, {}, { a: 'b', c: 'd' }, { a: 7 }].map(pathOfValue)).toEqual([null, null, null, null, null]);
});

describe('messages of the inspector', () => {
  const actor = (name: string, value: unknown) =>
    JSON.stringify({ type: '@xstate.actor', sessionId: 's1', name, snapshot: { value } });
  const snapshot = (value: unknown, type = 'WAKE') =>
    JSON.stringify({
      type: '@xstate.snapshot',
      sessionId: 's1',
      createdAt: '1700',
      snapshot: { value },
      event: { type },
    });

  test('become transitions of projections; a message without a change of state becomes none', () => {
    const reader = new TransitionReader();
    expect(reader.read(actor('projection.band', { live: 'waiting' }))).toBeNull();
    expect(reader.stateOf('band')).toBe('live.waiting');
    expect(reader.read(snapshot({ live: 'waiting' }))).toBeNull();
    expect(reader.read(snapshot({ live: 'working' }))).toEqual({
      name: 'band',
      from: 'live.waiting',
      to: 'live.working',
      cause: 'WAKE',
      at: 1700,
    });
  });

  test('of other actors are ignored, and so is a text that is no message', () => {
    const reader = new TransitionReader();
    reader.read(actor('daemon', 'running'));
    expect(reader.read(snapshot('draining'))).toBeNull();
    for (const odd of ['', 'no json', '7', 'null', '{"type":"@xstate.snapshot"}', new ArrayBuffer(2)])
      expect(reader.read(odd)).toBeNull();
  });
});

// Seen red with: a layout without child states; arrows of one direction only.
test('the picture from the build has every state and a line for every arrow that is not left out, all inside its frame', async () => {
  const chart = await layOut(projectionMachine, { arrowsOf, leavesOf }, Object.keys(COMMAND_EVENTS));
  const leaves = leavesOf(projectionMachine);
  expect(chart.states.map(({ path }) => path)).toEqual(expect.arrayContaining([...leaves]));
  expect(Object.keys(chart.accepts)).toEqual(leaves);
  expect(chart.accepts['failed.halted']).toEqual(['RESET', 'PAUSE', 'RETRY', 'SKIP', 'REOPEN']);
  for (const { from, target, event, guard } of arrowsOf(projectionMachine)) {
    if (target === null || from === target) continue;
    const leftOut = ['STOP', 'RESET', 'PAUSE', 'REOPEN'].includes(event) || (guard ?? '').startsWith('wants');
    if (!leftOut) expect(routeOf(chart, from, target).line, `${from} to ${target} by ${event}`).not.toBeNull();
  }
  for (const { x, y, width, height } of chart.states) {
    expect(x >= 0 && y >= 0 && x + width <= chart.width && y + height <= chart.height).toBe(true);
  }
});
