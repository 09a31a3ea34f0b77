import { describe, expect, it } from 'vitest';
import { progressLine, reportProgress } from '../../src/cli/start/progress.ts';
import { duration, grouped } from '../../src/core/readable.ts';
import type { ProjectionStatus } from '../../src/core/status.ts';
import { FakeDaemon, statusOf } from '../http/fake-daemon.ts';
import { Captured } from './captured.ts';

const behind = (cursor: number): ProjectionStatus =>
  statusOf('band', {
    state: 'catching-up',
    cursor: String(cursor),
    head: '20000',
    lagEvents: 20_000 - cursor,
    ratePerSecond: 5_000,
    etaSeconds: (20_000 - cursor) / 5_000,
  });

/** Returns one list of statuses after another; each poll takes 250 ms of a simulated clock. */
function runProgress(polls: readonly (readonly ProjectionStatus[] | Error)[], isTTY = false) {
  const daemon = new FakeDaemon();
  const stdout = new Captured(isTTY);
  let at = 0;
  let time = 0;
  daemon.onStatus = async () => {
    const poll = polls[Math.min(at, polls.length - 1)] ?? [];
    at += 1;
    if (poll instanceof Error) throw poll;
    return poll;
  };
  const pause = async (ms: number): Promise<void> => {
    time += ms;
  };
  const signal = new AbortController().signal;
  return { daemon, stdout, settled: reportProgress({ daemon, stdout, signal, now: () => time, pause }) };
}

describe('progress', () => {
  it('prints the summary once', async () => {
    const { stdout, settled } = runProgress([
      [
        statusOf('a'),
        statusOf('b'),
        statusOf('c', { state: 'failed' }),
        statusOf('d', { state: 'idle', detail: 'paused' }),
      ],
    ]);
    expect(await settled).toEqual({ live: 2, failed: 1, paused: 1 });
    expect(stdout.text).toBe('2 live, 1 failed, 1 paused\n');
  });

  // Seen red with: `state === 'failed'` in place of the substate.
  it.each(['retrying', 'attempting', 'backing-off', 'skipping'])(
    'waits for a projection in failed.%s, which may be live soon',
    async (substate) => {
      const tried = statusOf('b', { state: 'failed', substate: `failed.${substate}`, cursor: '6', failure: null });
      const { stdout, settled } = runProgress([
        [statusOf('a'), tried],
        [statusOf('a'), statusOf('b')],
      ]);
      expect(await settled).toEqual({ live: 2, failed: 0, paused: 0 });
      expect(stdout.text).toBe('b tries position 6 again\n2 live, 0 failed, 0 paused\n');
    },
  );

  it('writes at most one line every 2 s without a terminal', async () => {
    const { stdout, settled } = runProgress([
      ...Array.from({ length: 17 }, (_, index) => [behind(index * 1_000)]),
      [statusOf('band')],
    ]);
    await settled;
    expect(stdout.text).toBe(
      [
        'band 0/20,000 (0 %) 5,000/s 4 s left',
        'band 8,000/20,000 (40 %) 5,000/s 2 s left',
        'band 16,000/20,000 (80 %) 5,000/s 1 s left',
        '1 live, 0 failed, 0 paused',
        '',
      ].join('\n'),
    );
  });

  it('overwrites its own line on a terminal, never wider than the terminal', async () => {
    const { stdout, settled } = runProgress([[behind(0), behind(1)], [behind(1_000)], [statusOf('band')]], true);
    await settled;
    const erase = '\r\u001b[2K';
    expect(stdout.text.split(erase)).toEqual([
      '',
      'band 0/20,000 (0 %) 5,000/s 4 s left | band 1/20,000 (0 %) ',
      'band 1,000/20,000 (5 %) 5,000/s 4 s left',
      '1 live, 0 failed, 0 paused\n',
    ]);
  });

  it('waits a bounded time for a projection that has not begun', async () => {
    const { stdout, settled } = runProgress([[statusOf('band', { state: 'idle' })]]);
    expect(await settled).toEqual({ live: 0, failed: 0, paused: 1 });
    expect(stdout.text).toBe('0 live, 0 failed, 1 paused\n');
    const begins = runProgress([[statusOf('band', { state: 'idle' })], [behind(0)], [statusOf('band')]]);
    expect(await begins.settled).toEqual({ live: 1, failed: 0, paused: 0 });
  });

  it('goes on after an error of the database', async () => {
    const { settled } = runProgress([new Error('away'), new Error('away'), [statusOf('band')]]);
    expect(await settled).toEqual({ live: 1, failed: 0, paused: 0 });
  });

  it('polls immediately after a transition', async () => {
    const daemon = new FakeDaemon();
    daemon.statuses = [behind(0)];
    const stdout = new Captured();
    const signal = new AbortController().signal;
    const settled = reportProgress({
      daemon,
      stdout,
      signal,
      pause: (_ms, transition) =>
        new Promise((resolve) => {
          transition.addEventListener('abort', () => resolve(), { once: true });
          daemon.statuses = [statusOf('band')];
          queueMicrotask(() => daemon.transition('band', 'catching-up', 'live'));
        }),
    });
    expect(await settled).toEqual({ live: 1, failed: 0, paused: 0 });
  });

  it('ends without a summary when the daemon stops', async () => {
    const daemon = new FakeDaemon();
    daemon.onStatus = () => new Promise(() => {});
    const stop = new AbortController();
    const settled = reportProgress({ daemon, stdout: new Captured(), signal: stop.signal });
    stop.abort();
    expect(await settled).toBeNull();
  });

  it('names a reset, and leaves out live projections', () => {
    expect(progressLine([statusOf('a'), statusOf('b', { state: 'resetting' })])).toBe('b resetting');
  });
});

it.each([
  [0, '0 s'],
  [59.6, '1 min'],
  [90, '1 min 30 s'],
  [3_605, '1 h'],
  [7_260, '2 h 1 min'],
  [93_784, '1 d 2 h'],
])('%d seconds read as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

it('numbers are grouped', () => {
  expect([0, 999, 1_000, 1_234_567.4].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
});
