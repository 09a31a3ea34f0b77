import { afterEach, expect, test, vi } from 'vitest';
import { atMost, orAborted } from '../../src/core/deadline.ts';

afterEach(() => vi.restoreAllMocks());

const never = () => new Promise<never>(() => undefined);

/** A signal and its listeners; a listener that is called once is removed by the call. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  const listening = new Set<unknown>();
  const [add, take] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  vi.spyOn(signal, 'addEventListener').mockImplementation((...given: Parameters<typeof add>) => {
    expect(given).toEqual(['abort', expect.any(Function), { once: true }]);
    listening.add(given[1]);
    add(...given);
  });
  vi.spyOn(signal, 'removeEventListener').mockImplementation((...given: Parameters<typeof take>) => {
    if (given[0] === 'abort') listening.delete(given[1]);
    take(...given);
  });
  return { controller, signal, left: () => listening.size };
}

// Seen red with: removeEventListener taken out, of the one and of the other.
test('a promise that ends first is its own end, and leaves nothing hanging on the signal', async () => {
  const { signal, left } = counted();
  expect(await orAborted(Promise.resolve(7), signal)).toBe(7);
  expect(left()).toBe(0);
  await expect(orAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  expect(left()).toBe(0);
});

test('a signal that is aborted first is the end, with its reason', async () => {
  const { controller, signal } = counted();
  const waiting = orAborted(never(), signal);
  controller.abort(new Error('too late'));
  await expect(waiting).rejects.toThrow('too late');
});

// Seen red with: `signal.aborted` not checked (the promise would never reject); taken for true.
test('a signal that was aborted before ends it at once, and is not listened to', async () => {
  const { controller, signal } = counted();
  controller.abort(new Error('over'));
  const listening = vi.mocked(signal.addEventListener);
  await expect(orAborted(never(), signal)).rejects.toThrow('over');
  expect(listening).not.toHaveBeenCalled();
});

test('a later rejection of the promise is handled', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const controller = new AbortController();
  let reject = (_error: Error): void => undefined;
  const late = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  const waiting = orAborted(late, controller.signal);
  controller.abort(new Error('too late'));
  await expect(waiting).rejects.toThrow('too late');
  reject(new Error('later still'));
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

test('atMost waits for whatever ends first, and never rejects', async () => {
  await atMost(60_000, undefined);
  await atMost(60_000, Promise.reject(new Error('no')));
  const began = performance.now();
  await atMost(30, never());
  expect(performance.now() - began).toBeGreaterThan(25);
});
