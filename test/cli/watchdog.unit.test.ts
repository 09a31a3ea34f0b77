import { describe, expect, test } from 'vitest';
import { lastLine, observeHeartbeat, readBoard } from '../../src/cli/start/watchdog-thread.mjs';
import type { StoredEvent } from '../../src/core/event.ts';
import { defineProjection } from '../../src/core/projection.ts';
import { HandlerAnswers } from '../../src/projector/handler-answers.ts';
import { HandlerBoard } from '../../src/projector/handler-board.ts';
import { PageMetricsRecorder } from '../../src/projector/page-metrics.ts';

/** Polls every second; each pair is the counter of the main thread and the milliseconds since the last poll. */
function silence(...polls: readonly (readonly [heartbeat: number, elapsedMs: number])[]): number {
  let last = { heartbeat: 0, silentMs: 0 };
  for (const [heartbeat, elapsedMs] of polls) last = observeHeartbeat(last, { heartbeat, elapsedMs, everyMs: 1000 });
  return last.silentMs;
}

describe('silence', () => {
  test('is the time since the last heartbeat of the event loop', () => {
    expect(silence([0, 1000], [0, 1001], [0, 1000])).toBe(3001);
    expect(silence([0, 1000], [0, 1000], [1, 1000])).toBe(0);
    expect(silence([0, 1000], [1, 1000], [1, 1000])).toBe(1000);
  });

  // Seen red with: Math.min left out of observeHeartbeat.
  test('does not count the time in which the whole process or the machine was stopped', () => {
    expect(silence([0, 1000], [0, 3_600_000])).toBe(3000);
    expect(silence([0, 3_600_000], [1, 1000])).toBe(0);
  });
});

describe('the board', () => {
  const name = (board: HandlerBoard) => readBoard(board.memory, board.names);

  // Seen red with: `leave` that leaves the position.
  test('names the projection whose handler runs, and the event', () => {
    const board = new HandlerBoard(['band', 'event', 'prices']);
    expect(name(board)).toEqual([]);
    board.slot('event')?.enter(9_007_199_254_740_993n);
    expect(name(board)).toEqual([{ projection: 'event', position: '9007199254740993' }]);
    board.slot('event')?.leave();
    expect(name(board)).toEqual([]);
    expect(board.slot('nobody')).toBeNull();
  });

  // Seen red with: `back` left out of HandlerAnswers' call (the handler is named), and `prepare` that stores nothing.
  test('names no handler while a page is planned and encoded', () => {
    const board = new HandlerBoard(['band', 'prices']);
    const projection = defineProjection<{ name: 'Noted'; payload: object }>()({
      name: 'prices',
      tables: { prices: { key: ['id'] } },
      on: { Noted: () => [] },
    });
    const events = [5n, 6n].map((position) => ({ position, name: 'Noted', payload: {} }) as StoredEvent);
    const recorder = new PageMetricsRecorder(board.slot('prices'));
    expect(new HandlerAnswers(projection, 0n, recorder).ahead(events)).toBeNull();
    expect(name(board)).toEqual([{ projection: 'prices', position: '5', events: 2 }]);
    const about = { silentMs: 30_000, pid: 7, daemon: 'box:7', time: '2026-01-01T00:00:00.000Z' };
    expect(JSON.parse(lastLine(name(board), about)).msg).toBe(
      "the event loop has been blocked for 30 s, preparing a page of 2 events for 'prices', from position 5 on (no handler): the process is ended",
    );
    board.slot('band')?.enter(9n);
    expect(name(board)).toEqual([{ projection: 'band', position: '9' }]);
    recorder.handled();
    board.slot('band')?.leave();
    expect(name(board)).toEqual([]);
  });

  // Seen red with: the sort left out.
  test('names first the handler that was called last, then pending async handlers', () => {
    const board = new HandlerBoard(['band', 'event', 'prices']);
    board.slot('band')?.enter(3n);
    board.slot('prices')?.enter(5n);
    expect(name(board)).toEqual([
      { projection: 'prices', position: '5' },
      { projection: 'band', position: '3' },
    ]);
    board.slot('prices')?.leave();
    expect(name(board)).toEqual([{ projection: 'band', position: '3' }]);
  });
});

test('the last line of the log names the projection and the position, and is one line of JSON like the others', () => {
  const about = { silentMs: 30_400, pid: 7, daemon: 'box:7', time: '2026-01-01T00:00:00.000Z' };
  const line = lastLine([{ projection: 'band', position: '42' }], about);
  expect(line).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(line)).toEqual({
    level: 60,
    time: about.time,
    pid: 7,
    daemon: 'box:7',
    projection: 'band',
    position: '42',
    msg: "the event loop has been blocked for 30 s, in a handler of 'band' at position 42: the process is ended",
  });
  expect(JSON.parse(lastLine([], about)).msg).toContain('in no handler');
});
