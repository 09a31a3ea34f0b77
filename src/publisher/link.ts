import { connect } from 'amqp-connection-manager';
import type { ChannelModel } from 'amqplib';
import { fullJitter } from '../core/backoff.ts';
import { orAborted } from '../core/deadline.ts';
import { declareExchange } from './exchange.ts';
import { type ChannelEnd, Outlet } from './outlet.ts';

export interface LinkOptions {
  /** Brokers of one cluster, tried in turn. */
  readonly urls: readonly string[];
  readonly exchange: string;
  /** Shown by the broker beside the connection. */
  readonly name: string;
  /** A channel is open, the exchange is there. */
  readonly onOpen: (outlet: Outlet) => void;
  /** The channel, or an attempt to get one, has ended; the next attempt follows by itself. */
  readonly onEnd: (end: ChannelEnd) => void;
  readonly onBlocked: (reason: string) => void;
  readonly onUnblocked: () => void;
}

/** The publisher's own connection to the broker: kept up, apart from the consuming one, which a channel error would end too. */
export interface Link {
  /** Gives the connection up, for one that does not answer; another one follows. */
  reset(reason: string): void;
  /** Returns within a few seconds, whatever the broker does. Idempotent. */
  close(): Promise<void>;
}

const RECONNECT = { baseMs: 500, capMs: 10_000 } as const;
const HEARTBEAT_SECONDS = 5;
/** Milliseconds for connecting, and again for opening a channel: a frozen broker takes the connection and says nothing. */
const OPEN_MS = 10_000;
const CLOSE_MS = 2000;

export function openLink(options: LinkOptions): Link {
  const { urls, exchange, name, onOpen, onEnd, onBlocked, onUnblocked } = options;
  let failures = 0;
  let outlet: Outlet | null = null;
  let socket = new AbortController();
  let closing: Promise<void> | null = null;

  const socketOptions = () => ({
    timeout: OPEN_MS,
    keepAlive: true,
    noDelay: true,
    clientProperties: { connection_name: name },
    // Ends the socket when it is aborted: closing in order waits for an answer, which a dead peer does not give.
    signal: socket.signal,
  });
  const manager = connect([...urls], {
    heartbeatIntervalInSeconds: HEARTBEAT_SECONDS,
    connectionOptions: socketOptions(),
  });

  /** Before the manager waits: it reads both when it goes on. */
  const prepareNext = (): void => {
    failures += 1;
    socket = new AbortController();
    manager.connectionOptions = socketOptions();
    manager.reconnectTimeInSeconds =
      closing === null ? 0.05 + fullJitter(failures, RECONNECT, Math.random()) / 1000 : 0.001;
  };

  const give = (end: ChannelEnd): void => {
    if (closing === null) onEnd(end);
  };

  async function setUp(connection: ChannelModel): Promise<void> {
    const within = AbortSignal.timeout(OPEN_MS);
    try {
      await orAborted(declareExchange(connection, exchange), within);
      const channel = await orAborted(connection.createConfirmChannel(), within);
      const opened = new Outlet(channel, exchange);
      channel.on('close', () => {
        if (outlet === opened) outlet = null;
        give(opened.end ?? { code: null, reason: 'the channel was closed' });
        // A channel that ended alone is not opened again by itself: without this the connection would stand there, useless.
        giveUp(connection);
      });
      if (opened.end !== null) return;
      outlet = opened;
      failures = 0;
      if (closing === null) onOpen(opened);
    } catch (error) {
      give({ code: null, reason: messageOf(error) });
      giveUp(connection);
    }
  }

  function giveUp(connection: ChannelModel): void {
    const own = socket;
    const timer = setTimeout(() => own.abort(), CLOSE_MS);
    connection
      .close()
      .catch(() => undefined)
      .finally(() => clearTimeout(timer));
  }

  manager.on('connect', () => {
    if (manager.connection !== undefined) void setUp(manager.connection);
  });
  manager.on('connectFailed', ({ err }) => {
    prepareNext();
    give({ code: null, reason: `no broker answers: ${messageOf(err)}` });
  });
  manager.on('disconnect', prepareNext);
  manager.on('blocked', ({ reason }) => onBlocked(reason));
  manager.on('unblocked', onUnblocked);

  async function closeAll(): Promise<void> {
    if (manager.connection === undefined) socket.abort();
    const timer = setTimeout(() => socket.abort(), CLOSE_MS);
    await orAborted(manager.close(), AbortSignal.timeout(CLOSE_MS + 500)).catch(() => undefined);
    clearTimeout(timer);
    // A blocked broker does not read the end of the stream either.
    socket.abort();
  }

  return {
    reset: (reason) => {
      if (outlet === null || closing !== null) return;
      socket.abort(new Error(reason));
    },
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** Several addresses tried in vain come as one error without a message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
