import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { watchMemory } from '../../src/cli/start/memory-limit.ts';
import { watchUncaughtErrors } from '../../src/cli/start/uncaught-errors.ts';
import type { StoredEvent } from '../../src/index.ts';
import { withHandlerContext } from '../../src/projector/handler-origin.ts';
import { capturingLog } from '../support/scene.ts';

const event: StoredEvent = {
  position: 7n,
  id: 'c0ffee00-0000-4000-8000-000000000001',
  instanceId: '',
  aggregateName: 'test.Stream',
  aggregateId: 'a',
  sequenceNo: 1n,
  name: 'Noted',
  occurredAt: '2026-03-01T19:00:00.000000Z',
  tstamp: 1_772_391_600n,
  payload: {},
  metadata: {},
};

function watched(halt = vi.fn(async () => undefined)) {
  const source = new EventEmitter();
  const die = vi.fn();
  const log = capturingLog();
  const end = watchUncaughtErrors({ source, halt, die, log });
  return { source, halt, die, log, end };
}

test.each(['unhandledRejection', 'uncaughtException'])(
  'H11: %s inside of a handler halts its projection, outside it ends the process',
  (name) => {
    const { source, halt, die, end } = watched();
    const error = new Error('not awaited');
    withHandlerContext({ projection: 'band', event }, () => source.emit(name, error));
    expect(halt).toHaveBeenCalledExactlyOnceWith({ projection: 'band', event }, error);
    expect(die).not.toHaveBeenCalled();
    source.emit(name, error);
    expect(halt).toHaveBeenCalledOnce();
    expect(die).toHaveBeenCalledExactlyOnceWith('an uncaught error');
    end();
    expect(source.eventNames()).toEqual([]);
  },
);

test('H11: a halt that cannot be stored is logged', async () => {
  const { source, log } = watched(vi.fn(async () => await Promise.reject(new Error('no database'))));
  withHandlerContext({ projection: 'band', event }, () => source.emit('unhandledRejection', new Error('not awaited')));
  await vi.waitFor(() =>
    expect(log.lines.map(({ message }) => message)).toContain('the projection could not be halted'),
  );
  expect(log.lines.at(-1)?.fields).toMatchObject({ projection: 'band', err: { message: 'no database' } });
});

test('H11: an uncaught error is logged, with the event where a handler caused it', () => {
  const { source, log } = watched();
  const error = new Error('not awaited');
  withHandlerContext({ projection: 'band', event }, () => source.emit('uncaughtException', error));
  source.emit('uncaughtException', error);
  const fields = { projection: 'band', position: '7', eventName: 'Noted', err: error };
  expect(log.lines.map(({ level, fields, message }) => [level, fields, message])).toEqual([
    ['error', fields, 'a handler caused an uncaught error: its projection is halted'],
    ['error', { err: error }, 'an uncaught error ends the daemon'],
  ]);
});

test('H9: memory beyond the limit is reported once', () => {
  vi.useFakeTimers();
  let megabytes = 90;
  const found: number[] = [];
  const end = watchMemory({ limitMb: 100, onExceeded: (mb) => found.push(mb), rss: () => megabytes * 1024 * 1024 });
  vi.advanceTimersByTime(3000);
  expect(found).toEqual([]);
  megabytes = 101;
  vi.advanceTimersByTime(3000);
  expect(found).toEqual([101]);
  end();
  vi.useRealTimers();
});
