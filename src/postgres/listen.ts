import type { Client } from 'pg';
import { fullJitter } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { socketOf } from './driver.ts';

export interface Listening {
  /** Resolves when the connection is closed. Idempotent. */
  unlisten(): Promise<void>;
}

export interface ListenOptions {
  readonly channel: string;
  /** Called for each NOTIFY on the channel. */
  readonly onNotify: (payload: string) => void;
  /** Called whenever LISTEN has begun (again): notifications sent before that are lost. */
  readonly onListen: () => void;
  /** Milliseconds between two pings: otherwise a peer that vanished without closing the connection is never noticed. */
  readonly pingEveryMs: number;
  /** Milliseconds until a ping without an answer closes the connection. */
  readonly answerWithinMs: number;
  readonly clock: Clock;
}

const BACKOFF = { baseMs: 100, capMs: 5000 };

/** Listens until `unlisten`. A lost connection is no error: after a pause with full jitter the next one is opened. */
export function listen(open: () => Client, options: ListenOptions): Listening {
  const { clock } = options;
  const stopping = new AbortController();
  const running = (async () => {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const listened = await listenOnce(open(), options, stopping.signal).catch(() => false);
      if (listened) attempt = 1;
      await clock.sleep(fullJitter(attempt, BACKOFF, clock.random()), stopping.signal).catch(() => undefined);
    }
  })();
  return {
    unlisten: () => {
      stopping.abort();
      return running;
    },
  };
}

/** @returns true if the connection was listening before it ended */
async function listenOnce(client: Client, options: ListenOptions, signal: AbortSignal): Promise<boolean> {
  const ended = new Promise<void>((resolve) => client.on('end', resolve));
  client.on('error', () => undefined);
  client.on('notification', ({ payload }) => options.onNotify(payload ?? ''));
  // Not `end`: it waits for a peer that may be gone.
  const stop = (): void => void socketOf(client).destroy();
  const close = new AbortController();
  try {
    await client.connect();
    const cancelTimer = options.clock.later(options.answerWithinMs, () => socketOf(client).destroy());
    await client.query(`LISTEN ${client.escapeIdentifier(options.channel)}`).finally(cancelTimer);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) return false;
    options.onListen();
    void ping(client, options, close.signal);
    await ended;
    return true;
  } finally {
    signal.removeEventListener('abort', stop);
    close.abort();
    // The driver has no deadline for the end of a connection whose peer is gone.
    socketOf(client).destroy();
  }
}

async function ping(client: Client, options: ListenOptions, signal: AbortSignal): Promise<void> {
  const { clock, pingEveryMs, answerWithinMs } = options;
  while (!signal.aborted) {
    await clock.sleep(pingEveryMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const cancelTimer = clock.later(answerWithinMs, () => socketOf(client).destroy());
    await client.query('SELECT 1').catch(() => undefined);
    cancelTimer();
  }
}
