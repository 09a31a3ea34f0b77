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

describe('waiting until a projection has settled', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** A daemon that returns these states one after the other, the last one repeatedly. */
  function daemon(...states: readonly ProjectionState[]) {
    const names: string[] = [];
    const status: DaemonClient['status'] = async (name) => {
      const state = states[Math.min(names.length, states.length - 1)] ?? 'idle';
      names.push(name);
      return statusOf(name, { state });
    };
    return { client: { status } as DaemonClient, names };
  }
  const { signal } = new AbortController();
  const until = Number.POSITIVE_INFINITY;

  test.each(['idle', 'live', 'failed'] as const)('returns immediately when it is %s', async (state) => {
    const { client, names } = daemon(state);
    expect(await untilSettled(client, 'band', { everyMs: 0, until }, signal)).toMatchObject({ state });
    expect(names).toEqual(['band']);
  });

  // Seen red with: either of the two states left out.
  test('polls again while it catches up or is being reset', async () => {
    const { client, names } = daemon('resetting', 'catching-up', 'live');
    expect(await untilSettled(client, 'band', { everyMs: 0, until }, signal)).toMatchObject({ state: 'live' });
    expect(names).toHaveLength(3);
  });

  // Seen red with: `>` for `>=`.
  test('returns the last status at the end of the time', async () => {
    vi.spyOn(performance, 'now').mockReturnValueOnce(999).mockReturnValueOnce(1000).mockReturnValue(1001);
    const { client, names } = daemon('catching-up');
    const last = await untilSettled(client, 'band', { everyMs: 0, until: 1000 }, signal);
    expect(last).toMatchObject({ state: 'catching-up' });
    expect(names).toHaveLength(2);
  });

  test('an abort ends the wait between two polls', async () => {
    const { client } = daemon('catching-up');
    const controller = new AbortController();
    const waiting = untilSettled(client, 'band', { everyMs: 60_000, until }, controller.signal);
    controller.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('aborted');
  });
});

describe('why a projection is not live', () => {
  test.each<[ProjectionState, string]>([
    ['idle', 'is idle and will not catch up: send it RESUME'],
    ['catching-up', 'is still catching up; it goes on without this command'],
    ['live', 'is live'],
    ['failed', 'failed'],
    ['resetting', 'is still being reset; it goes on without this command'],
  ])('has a text for %s', (state, words) => {
    expect(notLive(statusOf('band', { state }))).toBe(words);
    expect(notLive(statusOf('band', { state, detail: 'backing off' }))).toBe(`${words}: backing off`);
  });

  test('is the error of the failed event rather than the detail', () => {
    const failed = statusOf('band', { state: 'failed', detail: 'halted', failure: FAILURE });
    expect(notLive(failed)).toBe('failed: no such table');
  });
});
