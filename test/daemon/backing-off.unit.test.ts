import { expect, test } from 'vitest';
import { BackingOffs } from '../../src/daemon/backing-off.ts';
import { capturingLog } from '../support/scene.ts';

const REASON = 'backing off: permission denied for table band';

function open() {
  const clock = { ms: 1_000_000, position: 5n };
  const log = capturingLog();
  const backingOff = new BackingOffs({ furthest: () => clock.position, now: () => clock.ms, log });
  const attempt = (name: string, detail = REASON) => {
    backingOff.onTransition({ name, to: 'catching-up.working', detail });
    backingOff.onTransition({ name, to: 'catching-up.backing-off', detail });
  };
  return { clock, log, backingOff, attempt };
}

// Seen red with: `fresh` in place of `known ?? fresh` (every attempt starts a new period).
test('a period of backing off starts with the first failed attempt and ends with progress or another state', () => {
  const { clock, backingOff, attempt } = open();
  attempt('band');
  clock.ms += 60_000;
  attempt('band');
  expect(backingOff.since('band')).toBe(1_000_000);
  expect(backingOff.lasting()).toEqual([{ name: 'band', since: 1_000_000, detail: REASON }]);
  clock.position = 6n;
  expect([backingOff.since('band'), backingOff.lasting()]).toEqual([null, []]);
  attempt('band');
  expect(backingOff.since('band')).toBe(1_060_000);
  backingOff.onTransition({ name: 'band', to: 'idle.paused', detail: null });
  expect(backingOff.since('band')).toBeNull();
});

// Seen red with: 'idle.standby' counted as a backoff whatever its detail.
test('standby because of another daemon is no backoff, standby because of a refusing database is', () => {
  const { backingOff } = open();
  backingOff.onTransition({ name: 'band', to: 'idle.standby', detail: 'another daemon works on it' });
  expect(backingOff.since('band')).toBeNull();
  backingOff.onTransition({ name: 'band', to: 'idle.standby', detail: REASON });
  expect(backingOff.since('band')).not.toBeNull();
});

// Seen red with: `logAt` not doubled (a line every second), and a line for each projection.
test('they are logged after 10 s and then with doubling gaps, in one line for each reason', () => {
  const { clock, log, backingOff, attempt } = open();
  const names = Array.from({ length: 1000 }, (_, index) => `p${index}`);
  for (const name of names) attempt(name);
  attempt('other', 'backing off: cannot execute UPDATE in a read-only transaction');
  const logged: number[] = [];
  for (let second = 1; second <= 100; second++) {
    clock.ms += 1000;
    const before = log.lines.length;
    backingOff.check();
    if (log.lines.length > before) logged.push(second);
    expect(log.lines.length - before).toBeLessThanOrEqual(2);
  }
  expect(logged).toEqual([10, 20, 40, 80]);
  expect(log.lines[0]).toMatchObject({ level: 'warn', fields: { count: 1000, seconds: 10, detail: REASON } });
  expect(log.lines[0]?.fields['projections']).toHaveLength(10);
});
