import { afterEach, describe, expect, test, vi } from 'vitest';
import type { DaemonClient } from '../../src/cli/client.ts';
import { notLive, untilSettled } from '../../src/cli/settled.ts';
import type { FailureStatus, ProjectionState } from '../../src/core/status.ts';
import { statusOf } from '../http/fake-daemon.ts';

const FAILURE: FailureStatus = {
  eventId: 'e1',
  position: '7',
  eventName: 'Noted',
  attempts: 1,
  error: 'no such table',
  sqlstate: '42P01',
  code: null,
  statement: null,
  at: '2026-03-01T19:00:00Z',
};

describe('waiting until it has settled', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** A daemon that says these states one after the other, the last one for ever. */
  function daemon(...states: readonly ProjectionState[]) {
    const asked: string[] = [];
    const status: DaemonClient['status'] = async (name) => {
      const state = states[Math.min(asked.length, states.length - 1)] ?? 'idle';
      asked.push(name);
      return statusOf(name, { state });
    };
    return { client: { status } as DaemonClient, asked };
  }
  const { signal } = new AbortController();
  const until = Number.POSITIVE_INFINITY;

  test.each(['idle', 'live', 'failed'] as const)('one that is %s is told at once', async (state) => {
    const { client, asked } = daemon(state);
    expect(await untilSettled(client, 'band', { everyMs: 0, until }, signal)).toMatchObject({ state });
    expect(asked).toEqual(['band']);
  });

  // Seen red with: either of the two states left out.
  test('one that catches up, or is being reset, is asked again', async () => {
    const { client, asked } = daemon('resetting', 'catching-up', 'live');
    expect(await untilSettled(client, 'band', { everyMs: 0, until }, signal)).toMatchObject({ state: 'live' });
    expect(asked).toHaveLength(3);
  });

  // Seen red with: `>` for `>=`.
  test('at the end of the time the last one seen is the answer', async () => {
    vi.spyOn(performance, 'now').mockReturnValueOnce(999).mockReturnValueOnce(1000).mockReturnValue(1001);
    const { client, asked } = daemon('catching-up');
    const last = await untilSettled(client, 'band', { everyMs: 0, until: 1000 }, signal);
    expect(last).toMatchObject({ state: 'catching-up' });
    expect(asked).toHaveLength(2);
  });

  test('a signal ends it between two askings', async () => {
    const { client } = daemon('catching-up');
    const controller = new AbortController();
    const waiting = untilSettled(client, 'band', { everyMs: 60_000, until }, controller.signal);
    controller.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('aborted');
  });
});

describe('why it is not live', () => {
  test.each<[ProjectionState, string]>([
    ['idle', 'is idle and will not catch up: send it RESUME'],
    ['catching-up', 'is still catching up; it goes on without this command'],
    ['live', 'is live'],
    ['failed', 'failed'],
    ['resetting', 'is still being reset; it goes on without this command'],
  ])('%s is said in words', (state, words) => {
    expect(notLive(statusOf('band', { state }))).toBe(words);
    expect(notLive(statusOf('band', { state, detail: 'backing off' }))).toBe(`${words}: backing off`);
  });

  test('the error of the event that failed says more than the detail', () => {
    const failed = statusOf('band', { state: 'failed', detail: 'halted', failure: FAILURE });
    expect(notLive(failed)).toBe('failed: no such table');
  });
});
