import { type AmqpConnectionManager, type Channel, type ChannelWrapper, connect } from 'amqp-connection-manager';
import { type Observable, Subject } from 'rxjs';
import { fullJitter } from '../core/backoff.ts';
import type { BrokerEvent } from '../core/broker.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { connectFailure, reasonOf } from './address.ts';

export interface LinkOptions {
  /** The nodes of one cluster; if one cannot be reached the next is tried. */
  readonly urls: readonly string[];
  /** Shown by `rabbitmqctl list_connections`. */
  readonly name: string;
  /** Seconds between heartbeats; a silent broker is detected after two to three of them. Default 5. */
  readonly heartbeatSeconds?: number;
  /** Milliseconds that all declarations together may take. Default 15000. */
  readonly setupMs?: number;
  readonly clock?: Clock;
}

/**
 * Declares and consumes on the raw channel that it is passed, a new one after every reconnect, and acks on that channel too
 * (the library's own ack would use a tag of the old channel on the new one, where it belongs to another message). `again`
 * declares everything anew on the same channel, after the broker has cancelled the consumer.
 */
type Setup = (channel: Channel, again: (reason: string) => void) => Promise<void>;

/** One connection, opened again whenever it is lost, until it is closed. */
export interface BrokerLink {
  readonly events$: Observable<BrokerEvent>;
  /** One channel per link: an error of any channel ends the whole connection. */
  openChannel(setup: Setup, options: { readonly confirm: boolean }): ChannelWrapper;
  /** Drops the present connection, as a network failure would; another one is opened. */
  reset(reason: string): void;
  /** Within a few seconds, whatever the broker does. Idempotent. */
  close(): Promise<void>;
}

const RECONNECT = { baseMs: 400, capMs: 15_000 } as const;
/** Least delay, whatever the jitter: otherwise a broker that refuses the connection would be asked in a busy loop. */
const RECONNECT_AFTER_MS = 100;
const CONNECT_MS = 5_000;
const CLOSE_MS = 2_000;

/** Starts to connect at once and never stops trying. `events$` reports what happens. */
export function openLink(options: LinkOptions): BrokerLink {
  const { urls, name, heartbeatSeconds = 5, setupMs = 15_000, clock = systemClock } = options;
  const events = new Subject<BrokerEvent>();
  const manager = connect([...urls], {
    heartbeatIntervalInSeconds: heartbeatSeconds,
    connectionOptions: { timeout: CONNECT_MS, clientProperties: { connection_name: name } },
  });
  let failures = 0;
  /** Counts the lost connections, so that late results of an old one are ignored. */
  let lost = 0;
  let ready = false;
  let closing: Promise<void> | null = null;
  /** FAILED was emitted with the reason; the disconnect that follows has a less exact one. */
  let reported = false;
  const timers = new Set<() => void>();

  /** The library reads its delay after this event; its own delay would be the same every time. */
  const failed = (): void => {
    failures += 1;
    const ms = RECONNECT_AFTER_MS + fullJitter(failures, RECONNECT, clock.random());
    manager.reconnectTimeInSeconds = closing === null ? ms / 1000 : 0.001;
  };
  manager.on('connectFailed', ({ err, url }) => {
    failed();
    const tried = typeof url === 'string' ? url : (urls[0] ?? '');
    events.next({ type: 'FAILED', reason: connectFailure(tried, err) });
  });
  manager.on('disconnect', ({ err }) => {
    lost += 1;
    failed();
    // A refusal ends the connection before the refused call is rejected.
    if (ready) events.next({ type: 'LOST', reason: `lost RabbitMQ: ${reasonOf(err)}` });
    else if (!reported) events.next({ type: 'FAILED', reason: undeclared(err) });
    ready = false;
    reported = false;
  });
  manager.on('blocked', ({ reason }) => events.next({ type: 'BLOCKED', reason }));
  manager.on('unblocked', () => events.next({ type: 'UNBLOCKED' }));

  const setUp = async (channel: Channel, setup: Setup): Promise<void> => {
    const here = lost;
    const cancel = clock.later(setupMs, () => drop(channel.connection, `no answer within ${setupMs} ms`));
    timers.add(cancel);
    try {
      await setup(channel, (reason) => {
        if (lost !== here || closing !== null) return;
        events.next({ type: 'LOST', reason });
        const cancelAgain = clock.later(RECONNECT_AFTER_MS, () => {
          timers.delete(cancelAgain);
          void setUp(channel, setup);
        });
        timers.add(cancelAgain);
      });
      if (lost !== here) return;
      failures = 0;
      ready = true;
      events.next({ type: 'READY' });
    } catch (error) {
      if (lost === here) {
        events.next({ type: 'FAILED', reason: undeclared(error) });
        reported = true;
      }
      // A connection on which nothing was declared would stay open and look healthy. The next one declares anew.
      drop(channel.connection, 'nothing could be declared');
    } finally {
      cancel();
      timers.delete(cancel);
    }
  };

  const close = async (): Promise<void> => {
    for (const cancel of timers) cancel();
    await closeWithin(manager, CLOSE_MS, clock);
    events.complete();
  };
  return {
    events$: events.asObservable(),
    openChannel: (setup, { confirm }) => {
      const wrapper = manager.createChannel({ confirm, setup: (channel: Channel) => setUp(channel, setup) });
      // FAILED has reported it; without a listener the error would end the process.
      wrapper.on('error', () => undefined);
      return wrapper;
    },
    reset: (reason) => drop(manager.connection?.connection, reason),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function undeclared(error: unknown): string {
  return `nothing can be declared in RabbitMQ: ${reasonOf(error)}`;
}

/** A suspended broker never answers the close, and would hold this process until the heartbeat ends the connection. */
async function closeWithin(manager: AmqpConnectionManager, ms: number, clock: Clock): Promise<void> {
  const closed = new AbortController();
  const late = clock.sleep(ms, closed.signal).then(
    () => drop(manager.connection?.connection, 'the broker did not answer the request to close'),
    () => undefined,
  );
  await Promise.race([manager.close().catch(() => undefined), late]);
  closed.abort();
}

/** Destroys the socket of a connection, as a network failure would; the reconnect treats both alike. */
function drop(connection: object | undefined, reason: string): void {
  if (connection === undefined || !('stream' in connection)) return;
  const { stream } = connection as { readonly stream: { destroy(error: Error): void } };
  stream.destroy(new Error(reason));
}
