import { setImmediate as settled } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import type { RelayOutcome } from '../../src/core/publisher.ts';
import { PublisherSupervisor } from '../../src/publisher/publisher-supervisor.ts';
import { toStatus } from '../../src/publisher/status.ts';

/** Each operation runs until the test ends it. */
function keep() {
  const operations: { readonly signal: AbortSignal; readonly end: (outcome: RelayOutcome) => void }[] = [];
  const relay = (signal: AbortSignal): Promise<RelayOutcome> =>
    new Promise((resolve) => operations.push({ signal, end: resolve }));
  const errors: unknown[] = [];
  const pauses: number[] = [];
  const supervisor = new PublisherSupervisor({
    operations: { relay },
    backoff: { baseMs: 200, capMs: 10_000 },
    retryHaltedAfterMs: 1000,
    log: { ...silentLog, error: (about: unknown) => errors.push(about) },
    pause: async (ms) => pauses.push(ms),
  });
  onTestFinished(() => supervisor.end());
  return { supervisor, operations, errors, pauses };
}

/** A bug in an action, once: what it looks into throws. */
function bug(): { readonly type: 'BLOCKED'; readonly reason: string } {
  let thrown = false;
  return {
    type: 'BLOCKED',
    get reason(): string {
      if (thrown) return 'low on memory';
      thrown = true;
      throw new Error('a bug');
    },
  };
}

const rest = { row: null, head: 0n, inFlight: 0, silentMs: 0, ratePerSecond: 0 } as const;

// Seen red with: the error only logged; the broker's state not told to the new actor; #operation not waited for.
test('a publisher that dies of a bug is put back when its operation has ended, and knows how the broker stands', async () => {
  const { supervisor, operations, errors, pauses } = keep();
  supervisor.send({ type: 'CONNECTED' });
  expect(operations.length).toBe(1);
  supervisor.send(bug());
  expect(operations[0]?.signal.aborted).toBe(true);
  expect(errors).toMatchObject([{ deaths: 1 }]);
  expect(toStatus({ snapshot: supervisor.snapshot(), ...rest })).toMatchObject({
    state: 'backing-off',
    detail: 'it died of a bug and is put back; the log has the error',
  });
  const dead = supervisor.snapshot();
  expect(pauses[0]).toBeGreaterThanOrEqual(100);
  await settled();
  expect(supervisor.snapshot()).toBe(dead);
  operations[0]?.end({ kind: 'stopped' });
  await vi.waitFor(() => expect(operations.length).toBe(2));
  operations[1]?.end({ kind: 'blocked' });
  await vi.waitFor(() => expect(supervisor.snapshot().value).toBe('blocked'));
  expect(toStatus({ snapshot: supervisor.snapshot(), ...rest }).detail).toBe('the broker takes nothing: low on memory');
  supervisor.send({ type: 'UNBLOCKED' });
  expect(supervisor.snapshot().value).toBe('publishing');
});

test('a publisher that is stopped while it is dead stays so', async () => {
  const { supervisor, operations } = keep();
  supervisor.send({ type: 'CONNECTED' });
  supervisor.send(bug());
  const ended = supervisor.drain(5000);
  operations[0]?.end({ kind: 'stopped' });
  await ended;
  expect(supervisor.snapshot().status).toBe('error');
  expect(operations.length).toBe(1);
});
