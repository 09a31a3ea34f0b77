import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onShutdown, type ShutdownOptions } from '../../src/cli/start/shutdown.ts';

const log = { info: () => undefined, error: () => undefined };

function setUp(stop: ShutdownOptions['stop']) {
  const source = new EventEmitter();
  const exits: number[] = [];
  const handle = onShutdown({ stop, log, exit: (code) => void exits.push(code), source, now: () => Date.now() });
  return { source, exits, handle };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('shutting down', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('at %s drains and exits with 0', async (signal) => {
    let stops = 0;
    const { source, exits } = setUp(async () => {
      stops += 1;
    });
    source.emit(signal, signal);
    await vi.advanceTimersByTimeAsync(0);
    expect({ stops, exits }).toEqual({ stops: 1, exits: [0] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts two signals within a second as one', async () => {
    let stops = 0;
    const { source, exits } = setUp(() => {
      stops += 1;
      return new Promise(() => {});
    });
    source.emit('SIGINT', 'SIGINT');
    await vi.advanceTimersByTimeAsync(999);
    source.emit('SIGTERM', 'SIGTERM');
    expect({ stops, exits }).toEqual({ stops: 1, exits: [] });
  });

  it('exits immediately with 1 at a later signal', async () => {
    const { source, exits } = setUp(() => new Promise(() => {}));
    source.emit('SIGINT', 'SIGINT');
    await vi.advanceTimersByTimeAsync(1_001);
    source.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([1]);
  });

  it('aborts the signal of stop after 30 s, and exits with 1', async () => {
    let aborted = false;
    const { source, exits } = setUp((signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    });
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(29_999);
    expect(exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect({ aborted, exits }).toEqual({ aborted: true, exits: [1] });
  });

  it('exits with 1 when stopping fails', async () => {
    const { source, exits } = setUp(() => Promise.reject(new Error('boom')));
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(0);
    expect(exits).toEqual([1]);
  });

  it('exits with 1 when stop throws', async () => {
    const { source, exits } = setUp(() => {
      throw new Error('boom');
    });
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(0);
    expect(exits).toEqual([1]);
  });

  it('can be started without a signal, with an exit code', async () => {
    const { exits, handle } = setUp(async () => undefined);
    await handle.shutDown('the private PostgreSQL died', 1);
    await handle.shutDown('again');
    expect(exits).toEqual([1]);
  });

  it('has no listener after release', () => {
    const { source, handle } = setUp(async () => undefined);
    handle.release();
    expect(source.eventNames()).toEqual([]);
  });
});
