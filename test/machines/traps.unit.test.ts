import { describe, expect, test } from 'vitest';
import { createMachine, fromPromise, setup } from 'xstate';
import { projectionMachine } from '../../machines/projection.ts';
import { STATES } from '../../src/core/status.ts';
import { allMachines } from './all-machines.ts';
import { trapsOf } from './traps.ts';

const machines = await allMachines();

/** Contexts with extreme values for every delay: no failure and very many, with absurd settings. */
const CONTEXTS = [0, 1, 30, 31, 1_000_000].flatMap((backoffs) =>
  [1, 30_000, Number.MAX_SAFE_INTEGER].flatMap((ms) =>
    [0, 0.5, 1 - Number.EPSILON].map((random) => ({
      backoffs,
      backoff: { baseMs: ms, capMs: ms },
      retryFailedAfterMs: ms,
      retryHaltedAfterMs: ms,
      connectWithinMs: ms,
      random: () => random,
    })),
  ),
);

test('the walk finds every machine of the folder', () => {
  expect(machines.map(({ file }) => file)).toEqual(['broker.ts', 'daemon.ts', 'projection.ts', 'publisher.ts']);
});

// Seen red with: `after: { bakoff: … }` in live.backing-off; retryFailedAfter without its Math.min.
test.each(machines)('$file has none of the traps', ({ machine }) => {
  expect(trapsOf(machine, CONTEXTS)).toEqual([]);
});

test('a projection has exactly five top-level states', () => {
  expect(Object.keys(projectionMachine.root.states).sort()).toEqual([...STATES].sort());
});

describe('the walk finds', () => {
  const parts = setup({
    actors: { work: fromPromise(() => Promise.resolve()) },
    actions: { log: () => undefined },
    guards: { ready: () => true },
    delays: { soon: 10, never: 2 ** 31, computed: ({ context }) => Reflect.get(context, 'wait') as number },
  });
  const only = (traps: readonly string[]) => traps.filter((trap) => !trap.startsWith('delay '));

  test('nothing in a sound machine', () => {
    const sound = parts.createMachine({
      entry: 'log',
      initial: 'a',
      states: {
        a: { after: { soon: 'b', 10: 'b' }, always: { guard: 'ready', target: 'b' } },
        b: { invoke: { src: 'work', onDone: 'a', onError: 'a' } },
      },
    });
    expect(only(trapsOf(sound))).toEqual([]);
  });

  test('a misspelt delay', () => {
    const machine = createMachine({ initial: 'a', states: { a: { after: { sonn: 'b' } }, b: {} } });
    expect(trapsOf(machine)).toEqual(['a: no delay sonn, it would fire at once']);
  });

  test('a delay that Node would fire at once, constant or computed', () => {
    const machine = createMachine({ initial: 'a', states: { a: { after: { [2 ** 31]: 'b' } }, b: {} } });
    expect(trapsOf(machine)).toEqual(['a: after is 2147483648 ms, it would fire at once']);
    const computed = parts.createMachine({ initial: 'a', states: { a: {} } });
    expect(trapsOf(computed, [{ wait: 5 }, { wait: 3e9 }, {}, { wait: Number.NaN }])).toEqual([
      'delay never is 2147483648 ms, it would fire at once',
      'delay computed is 3000000000 ms, it would fire at once',
      'delay computed is undefined ms',
      'delay computed is NaN ms',
    ]);
  });

  test('an action, a guard and an actor without an implementation', () => {
    const machine = createMachine({
      entry: 'shout',
      initial: 'a',
      states: {
        a: {
          exit: { type: 'whisper' },
          on: { GO: { guard: 'redy', target: 'b', actions: 'sing' } },
          invoke: { src: 'wrok', onDone: { target: 'b', guard: { type: 'tall' } }, onError: 'b' },
        },
        b: {},
      },
    });
    expect([...trapsOf(machine)].sort()).toEqual([
      '(root): no action shout',
      'a: no action sing',
      'a: no action whisper',
      'a: no actor wrok',
      'a: no guard redy',
      'a: no guard tall',
    ]);
  });

  test('an invoke whose end is not handled', () => {
    const machine = parts.createMachine({ initial: 'a', states: { a: { invoke: { src: 'work' } } } });
    expect(only(trapsOf(machine))).toEqual(['a: invoke without onDone', 'a: invoke without onError']);
  });

  test('always-loops, also through the first substate', () => {
    const circle = createMachine({
      initial: 'a',
      states: {
        a: { always: 'b' },
        b: { always: { target: 'c', guard: () => true } },
        c: { initial: 'inner', states: { inner: { always: '#back' } } },
        d: { id: 'back', always: 'a' },
      },
    });
    expect(trapsOf(circle)).toEqual([
      'a: always leads back to itself',
      'b: always leads back to itself',
      'c.inner: always leads back to itself',
      'd: always leads back to itself',
    ]);
    const still = createMachine({ initial: 'a', states: { a: { always: { actions: () => undefined } } } });
    expect(trapsOf(still)).toEqual(['a: always leads back to itself']);
  });

  test('a target and a first state that do not exist', () => {
    expect(() => createMachine({ initial: 'a', states: { a: { on: { GO: 'nowhere' } } } })).toThrow('nowhere');
    const lost = createMachine({ initial: 'a', states: { a: { initial: 'nowhere', states: { b: {} } } } });
    expect(trapsOf(lost)).toEqual(['a: no first state nowhere']);
  });
});
