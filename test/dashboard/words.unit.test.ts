import { describe, expect, test } from 'vitest';
import {
  OPERATOR_COMMANDS,
  type OperatorEvent,
  operatorCommand,
} from '../../src/core/operator-commands/command-registry.ts';
import { count, duration, grouped } from '../../src/core/readable.ts';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { keyOf, substateOf } from '../../src/dashboard/fleet.ts';
import { clock, percent, rate } from '../../src/dashboard/format.ts';
import { statusOf } from '../http/fake-daemon.ts';

describe('numbers are written', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1_234_567, '1,234,567'],
    ['9007199254740993', '9,007,199,254,740,993'],
  ])('%s as %s, exactly', (number, text) => expect(grouped(number)).toBe(text));

  test.each([
    [0, '0 s'],
    [5, '5 s'],
    [90, '1 min 30 s'],
    [3600, '1 h'],
    [7260, '2 h 1 min'],
    [86_400 * 3 + 59, '3 d'],
  ])('%i seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  test('a rate below ten has a decimal', () => {
    expect([0, 0.25, 3.25, 12.4, 12_350].map(rate)).toEqual(['–', '0.3/s', '3.3/s', '12/s', '12,350/s']);
    expect([count(1, 'event'), count(2000, 'event')]).toEqual(['1 event', '2,000 events']);
  });

  test('a time has its date only if that is not today', () => {
    const at = new Date(2026, 0, 2, 3, 4, 5);
    expect(clock(at, new Date(2026, 0, 2, 23, 0, 0))).toBe('03:04:05');
    expect(clock(at, new Date(2026, 0, 3, 0, 0, 0))).toBe('2026-01-02 03:04:05');
  });

  // Seen red with: Number(cursor) / Number(head), rounded: 100 % with an event to come.
  test('100 percent is shown only if every event is applied, also for positions beyond 2^53', () => {
    expect([percent('0', '0'), percent('1', '3'), percent('0', '3')]).toEqual([100, 33, 0]);
    expect(percent('9007199254740993', '9007199254740994')).toBe(99);
  });
});

test('a projection is shown with its instance, and with a substate except in live', () => {
  expect(keyOf({ name: 'band', instance: '' })).toBe('band');
  expect(keyOf({ name: 'band', instance: 'eu' })).toBe('band@eu');
  expect(substateOf({ state: 'failed', substate: 'failed.halted' })).toBe('halted');
  expect(substateOf({ state: 'resetting', substate: 'resetting' })).toBe('');
  expect(substateOf({ state: 'live', substate: 'live.working' })).toBe('');
});

const explain = (event: OperatorEvent, status: ProjectionStatus) => operatorCommand(event).dialog(status);

describe('the effect of a command', () => {
  const failure = {
    eventId: 'e',
    position: '18742',
    eventName: 'BandCreated',
    attempts: 6,
    error: 'no',
    sqlstate: null,
    code: null,
    statement: null,
    at: '2026-01-02T03:04:05Z',
  };

  test('is described for every command, with the name of the projection', () => {
    for (const { dialog } of OPERATOR_COMMANDS) {
      const { title, says, confirm } = dialog(statusOf('band', { failure }));
      expect(`${title} ${says.join(' ')}`).toContain('band');
      expect(confirm).not.toBe('');
    }
  });

  test('RESET: the tables that are emptied, the number of positions, and the duration if the rate is known', () => {
    const tables = ['origin', 'ignored_band', 'ignored_city'];
    const status = statusOf('userpreferences', { tables, head: '20000', ratePerSecond: 100 });
    expect(explain('RESET', status).says[0]).toBe(
      'Tables origin, ignored_band and ignored_city are emptied at once, then made again from the first event on: 20,000 positions, about 3 min 20 s at the present rate.',
    );
    expect(explain('RESET', statusOf('band')).says[0]).toMatch(/^Table band is emptied at once.*: 42 positions\.$/);
  });

  test('SKIP: the event, the tables that will lack it, and the demand for a reason', () => {
    const { says, grave } = explain('SKIP', statusOf('band', { failure }));
    expect(says[0]).toBe(
      'The event at position 18,742 (BandCreated) is passed over: what it says will not be in table band. band then goes on behind it.',
    );
    expect([operatorCommand('SKIP').fields, grave]).toEqual([['position', 'reason'], true]);
  });
});
