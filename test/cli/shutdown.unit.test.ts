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

  it('takes two signals within a second for one', async () => {
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

  it('exits at once with 1 at a later one', async () => {
    const { source, exits } = setUp(() => new Promise(() => {}));
    source.emit('SIGINT', 'SIGINT');
    await vi.advanceTimersByTimeAsync(1_001);
    source.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([1]);
  });

  it('gives up after 30 s with 1, having told stop so', async () => {
    let told = false;
    const { source, exits } = setUp((signal) => {
      signal.addEventListener('abort', () => {
        told = true;
      });
      return new Promise(() => {});
    });
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(29_999);
    expect(exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect({ told, exits }).toEqual({ told: true, exits: [1] });
  });

  it('exits with 1 when stopping fails', async () => {
    const { source, exits } = setUp(() => Promise.reject(new Error('boom')));
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(0);
    expect(exits).toEqual([1]);
  });

  it('exits with 1 when stop throws at once', async () => {
    const { source, exits } = setUp(() => {
      throw new Error('boom');
    });
    source.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(0);
    expect(exits).toEqual([1]);
  });

  it('can be asked for without a signal, with a code', async () => {
    const { exits, handle } = setUp(async () => undefined);
    await handle.shutDown('the private PostgreSQL died', 1);
    await handle.shutDown('again');
    expect(exits).toEqual([1]);
  });

  it('is no longer listened for once released', () => {
    const { source, handle } = setUp(async () => undefined);
    handle.release();
    expect(source.eventNames()).toEqual([]);
  });
});
