import { setImmediate as settled } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import type { RelayOutcome } from '../../src/core/publisher.ts';
import { PublisherSupervisor } from '../../src/publisher/publisher-supervisor.ts';
import { toStatus } from '../../src/publisher/status.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A supervisor whose operations run until the test ends them. */
function supervise() {
  const clock = new ManualClock();
  const operations: { readonly signal: AbortSignal; readonly end: (outcome: RelayOutcome) => void }[] = [];
  const relay = (signal: AbortSignal): Promise<RelayOutcome> =>
    new Promise((resolve) => operations.push({ signal, end: resolve }));
  const errors: unknown[] = [];
  const supervisor = new PublisherSupervisor({
    operations: { relay },
    backoff: { baseMs: 200, capMs: 10_000 },
    retryHaltedAfterMs: 1000,
    log: { ...silentLog, error: (about: unknown) => errors.push(about) },
    clock,
  });
  onTestFinished(() => supervisor.end());
  return { supervisor, operations, errors, clock };
}

/** An event that makes an action throw once, as a bug would. */
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

// Seen red with: the error only logged; the broker's state not sent to the new actor; #operation not waited for; no delay.
test('an actor that dies of a bug is replaced when its operation has ended, and the new one knows the state of the broker', async () => {
  const { supervisor, operations, errors, clock } = supervise();
  supervisor.send({ type: 'CONNECTED' });
  expect(operations.length).toBe(1);
  supervisor.send(bug());
  expect(operations[0]?.signal.aborted).toBe(true);
  expect(errors).toMatchObject([{ deaths: 1 }]);
  expect(toStatus({ snapshot: supervisor.snapshot(), ...rest })).toMatchObject({
    state: 'backing-off',
    detail: 'its actor died of a bug and is restarted; the log has the error',
  });
  const dead = supervisor.snapshot();
  clock.pass(100);
  await settled();
  expect(supervisor.snapshot()).toBe(dead);
  operations[0]?.end({ kind: 'stopped' });
  await vi.waitFor(() => expect(operations.length).toBe(2));
  operations[1]?.end({ kind: 'blocked' });
  await vi.waitFor(() => expect(supervisor.snapshot().value).toBe('blocked'));
  expect(toStatus({ snapshot: supervisor.snapshot(), ...rest }).detail).toBe(
    'the broker accepts no messages: low on memory',
  );
  supervisor.send({ type: 'UNBLOCKED' });
  expect(supervisor.snapshot().value).toBe('publishing');
});

// Seen red with: `signal.aborted` not asked after the delay.
test('a publisher that is stopped while its actor is dead is not restarted', async () => {
  const { supervisor, operations, clock } = supervise();
  supervisor.send({ type: 'CONNECTED' });
  supervisor.send(bug());
  const ended = supervisor.drain(5000);
  operations[0]?.end({ kind: 'stopped' });
  await ended;
  clock.pass(60_000);
  await settled();
  expect(supervisor.snapshot().status).toBe('error');
  expect(operations.length).toBe(1);
});

// Seen red with: the delay left out; `deaths` not passed on.
test('the delay before a restart grows with the deaths in a row', async () => {
  const { supervisor, operations, errors, clock } = supervise();
  clock.chance = 0.5;
  supervisor.send({ type: 'CONNECTED' });
  const restartedAfter = async (ms: number): Promise<void> => {
    const before = operations.length;
    supervisor.send({ type: 'UNBLOCKED' });
    supervisor.send(bug());
    operations.at(-1)?.end({ kind: 'stopped' });
    await settled();
    clock.pass(ms - 1);
    await settled();
    expect(operations.length).toBe(before);
    clock.pass(1);
    await settled();
    expect(operations.length).toBe(before + 1);
  };
  await restartedAfter(200);
  await restartedAfter(300);
  clock.pass(60_000);
  await restartedAfter(200);
  expect(errors).toMatchObject([{ deaths: 1 }, { deaths: 2 }, { deaths: 1 }]);
});

// Seen red with: BLOCKED kept after UNBLOCKED; CONNECTED kept after DISCONNECTED.
test.each([
  ['UNBLOCKED', 'publishing'],
  ['DISCONNECTED', 'connecting'],
] as const)('a new actor gets the present state of the broker: after %s it is %s', async (type, state) => {
  const { supervisor, operations, clock } = supervise();
  supervisor.send({ type: 'CONNECTED' });
  supervisor.send(bug());
  supervisor.send({ type, reason: 'the connection was cut' });
  operations[0]?.end({ kind: 'stopped' });
  clock.pass(100);
  await settled();
  const { value, context } = supervisor.snapshot();
  expect([value, context.blocked]).toEqual([state, null]);
});
