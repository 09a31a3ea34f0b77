import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { and, createMachine } from 'xstate';
import { arrowsOf, leavesOf } from '../../machines/arrows.ts';
import { projectionMachine } from '../../machines/projection.ts';
import { allMachines } from './all-machines.ts';
import { matrix, pictures, transitions, withDiagrams } from './diagrams.ts';
import { TRANSITIONS } from './transition-table.ts';

const README = fileURLToPath(new URL('../../machines/README.md', import.meta.url));
const text = await readFile(README, 'utf8');
const machines = await allMachines();

/** Arrows that nearly every state has: the text above the picture describes them. */
const LEFT_OUT = ['STOP', 'RESET', 'PAUSE', 'wantsStop', 'wantsReset', 'wantsPause'];
const shown = new Map(
  machines.map(({ machine }) => [machine.id, { machine, leaveOut: machine.id === 'projection' ? LEFT_OUT : [] }]),
);

// Seen red with: RETRY taken from halted; done('PAUSE') for failed('PAUSE'); an arrow of the README edited by hand.
test('machines/README.md shows the machines as they are; if not, run `npm run diagrams`', async () => {
  await expect(withDiagrams(text, shown)).toMatchFileSnapshot(README);
});

// Seen red with: a state's name misspelt in the README.
test('every state of every machine has a sentence in machines/README.md', () => {
  for (const { machine } of machines) {
    for (const leaf of leavesOf(machine)) {
      expect(text, `${machine.id} ${leaf}`).toMatch(new RegExp(`^\\| \`${leaf}\` *\\| [A-Z][^|]+[.?] *\\|$`, 'm'));
    }
  }
});

/** The test that drives the machine through every cell and the README must expect the same. */
test('the table of states and events is the one that the machine is tested against', () => {
  const [titles = [], , ...rows] = matrix(projectionMachine)
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', ''))
        .slice(1, -1),
    );
  const said = rows.map(([leaf, ...cells]) => [
    leaf,
    Object.fromEntries(cells.map((cell, at) => [titles[at + 1], cell])),
  ]);
  const driven = Object.entries(TRANSITIONS).map(([leaf, row]) => [
    leaf,
    Object.fromEntries(
      titles.slice(1).map((event) => {
        const expected = String(Reflect.get(row, event));
        return [event, expected === 'ignored' ? '-' : expected];
      }),
    ),
  ]);
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(driven));
});

test('no transition of a machine is missing from its table', () => {
  for (const { machine } of machines) {
    expect(transitions(machine).split('\n')).toHaveLength(arrowsOf(machine).length + 2);
  }
});

describe('a diagram', () => {
  const lamp = createMachine({
    id: 'lamp',
    initial: 'off',
    on: { BREAK: '.broken' },
    states: {
      off: {
        on: { PRESS: [{ guard: and([{ type: 'has', params: { what: 'power' } }, 'isDay']), target: 'on' }, 'off'] },
      },
      on: {
        entry: 'shine',
        initial: 'dim',
        states: { dim: { after: { aWhile: 'bright' } }, bright: { on: { PRESS: { actions: 'blink' } } } },
        on: { PRESS: 'off' },
        invoke: { src: 'glow', onDone: { target: 'off', guard: ({ event }) => event.output === 'a' || !event.output } },
      },
      broken: { type: 'final' },
    },
  });

  test('draws the states with one arrow between each two, then the inside of each', () => {
    expect(pictures(lamp, ['BREAK'])).toBe(
      `\`\`\`mermaid
stateDiagram-v2
  direction LR
  state "off" as off
  state "on" as on
  state "broken" as broken
  [*] --> off
  off --> on: isDay
  off --> off: PRESS
  on --> off: PRESS, event.output === 'a' || !event.output
\`\`\`

Inside \`on\`:

\`\`\`mermaid
stateDiagram-v2
  direction LR
  state "dim" as on_dim
  state "bright" as on_bright
  [*] --> on_dim
  on_dim --> on_bright: after aWhile
\`\`\``,
    );
  });

  test('has a cell for every state and event, including the events of parent states', () => {
    expect(matrix(lamp)).toBe(
      [
        '| state       | `BREAK`  | `PRESS`           |',
        '| ----------- | -------- | ----------------- |',
        '| `off`       | `broken` | `on.dim` or `off` |',
        '| `on.dim`    | `broken` | `off`             |',
        '| `on.bright` | `broken` | noted             |',
        '| `broken`    | `broken` | -                 |',
      ].join('\n'),
    );
  });

  test('lists guards and actions in the order they are tried, and marks no column by accident', () => {
    const lines = transitions(lamp)
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' '));
    expect(lines).toContain('| `off` | `PRESS` | `and(has(power), isDay)` | `on.dim` | |');
    expect(lines).toContain("| `on` | glow done | `event.output === 'a' \\|\\| !event.output` | `off` | |");
    expect(lines).toContain('| `on.bright` | `PRESS` | | stays | `blink` |');
    expect(lines).toContain('| (any) | `BREAK` | | `broken` | |');
  });

  test('of a machine without a comment in the text is an error', () => {
    const one = new Map([['lamp', { machine: lamp, leaveOut: [] }]]);
    expect(() => withDiagrams('nothing', one)).toThrow('there is no comment for the pictures of lamp');
  });
});
