import { describe, expect, test } from 'vitest';
import { lastWords, listenOnce, readBoard } from '../../src/cli/start/watchdog-thread.mjs';
import type { StoredEvent } from '../../src/core/event.ts';
import { defineProjection } from '../../src/core/projection.ts';
import { HandlerAnswers } from '../../src/projector/handler-answers.ts';
import { HandlerBoard } from '../../src/projector/handler-board.ts';
import { PageMetricsRecorder } from '../../src/projector/page-metrics.ts';

/** Looks every second; each pair is what the watched thread's counter says and the milliseconds since the look before. */
function silence(...polls: readonly (readonly [heartbeat: number, elapsedMs: number])[]): number {
  let heard = { heartbeat: 0, silentMs: 0 };
  for (const [heartbeat, elapsedMs] of polls) heard = listenOnce(heard, { heartbeat, elapsedMs, everyMs: 1000 });
  return heard.silentMs;
}

describe('silence', () => {
  test('is the time since the event loop last came round', () => {
    expect(silence([0, 1000], [0, 1001], [0, 1000])).toBe(3001);
    expect(silence([0, 1000], [0, 1000], [1, 1000])).toBe(0);
    expect(silence([0, 1000], [1, 1000], [1, 1000])).toBe(1000);
  });

  // Seen red with: Math.min left out of listenOnce.
  test('is none of the event loop while the whole process or the machine stood still', () => {
    expect(silence([0, 1000], [0, 3_600_000])).toBe(3000);
    expect(silence([0, 3_600_000], [1, 1000])).toBe(0);
  });
});

describe('the board', () => {
  const name = (board: HandlerBoard) => readBoard(board.memory, board.names);

  // Seen red with: `leave` that leaves the position.
  test('tells whose handler is at work, and at which event', () => {
    const board = new HandlerBoard(['band', 'event', 'prices']);
    expect(name(board)).toEqual([]);
    board.slot('event')?.enter(9_007_199_254_740_993n);
    expect(name(board)).toEqual([{ projection: 'event', position: '9007199254740993' }]);
    board.slot('event')?.leave();
    expect(name(board)).toEqual([]);
    expect(board.slot('nobody')).toBeNull();
  });

  // Seen red with: `back` left out of HandlerAnswers' call (the handler is blamed), and `prepare` that stores nothing.
  test('blames no handler for the time that a page takes to be planned and encoded', () => {
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
    expect(JSON.parse(lastWords(name(board), about)).msg).toBe(
      "the event loop has been blocked for 30 s, preparing a page of 2 events for 'prices', from position 5 on (no handler): the process is ended",
    );
    board.slot('band')?.enter(9n);
    expect(name(board)).toEqual([{ projection: 'band', position: '9' }]);
    recorder.handled();
    board.slot('band')?.leave();
    expect(name(board)).toEqual([]);
  });

  // Seen red with: the sort left out.
  test('tells the one that was called last first, and async ones that are pending beside it', () => {
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

test('the last line of the log names the projection and the position, and is one line of JSON as the others are', () => {
  const about = { silentMs: 30_400, pid: 7, daemon: 'box:7', time: '2026-01-01T00:00:00.000Z' };
  const words = lastWords([{ projection: 'band', position: '42' }], about);
  expect(words).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(words)).toEqual({
    level: 60,
    time: about.time,
    pid: 7,
    daemon: 'box:7',
    projection: 'band',
    position: '42',
    msg: "the event loop has been blocked for 30 s, in a handler of 'band' at position 42: the process is ended",
  });
  expect(JSON.parse(lastWords([], about)).msg).toContain('in no handler');
});
