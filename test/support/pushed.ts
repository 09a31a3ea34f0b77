import { expect, vi } from 'vitest';
import type { BrokerState } from '../../src/core/broker.ts';
import type { Daemon, DaemonOptions } from '../../src/index.ts';
import type { TestBroker } from './broker.ts';
import type { capturingLog, Scene } from './scene.ts';

/** Waits until the daemon's broker is in this state; returns its detail. */
export async function untilBroker(daemon: Daemon, state: BrokerState, timeout = 30_000): Promise<string | null> {
  await vi.waitFor(() => expect(daemon.broker()).toMatchObject({ state }), { timeout, interval: 10 });
  return daemon.broker()?.detail ?? null;
}

/**
 * A daemon that consumes from an exchange of the test. It uses no NOTIFY and its next scheduled poll is far away, so an
 * event is found by a push or by the heartbeat.
 */
export async function startPushed(
  scene: Scene,
  broker: Pick<TestBroker, 'url' | 'name'>,
  options: Partial<DaemonOptions> = {},
  // Long: a busy machine must not lose the connection, and with it the queue, in a test that is about something else.
  heartbeatSeconds = 60,
): Promise<{ readonly daemon: Daemon; readonly exchange: string }> {
  const exchange = options.broker?.exchange ?? broker.name('exchange');
  const daemon = await scene.start({
    notify: false,
    ...options,
    broker: { urls: [broker.url], heartbeatSeconds, ...options.broker, exchange },
  });
  await untilBroker(daemon, 'healthy');
  return { daemon, exchange };
}

/** Waits until the connection was lost at least once. */
export async function untilLost(log: ReturnType<typeof capturingLog>): Promise<void> {
  const states = (): unknown[] =>
    log.lines.filter(({ message }) => message === 'broker transition').map(({ fields }) => fields['to']);
  await vi.waitFor(() => expect(states()).toContain('polling-only'), { timeout: 30_000, interval: 10 });
}

/** Waits until that many messages have reached the daemon, valid or not. */
export async function untilPushed(daemon: Daemon, messages: number, timeout = 30_000): Promise<void> {
  const received = (): number => Object.values(daemon.hints().pushes).reduce((sum, count) => sum + count, 0);
  await vi.waitFor(() => expect(received()).toBeGreaterThanOrEqual(messages), { timeout, interval: 10 });
}
