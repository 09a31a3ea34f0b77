import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { fullJitter } from '../core/backoff.ts';

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
}

const BACKOFF = { baseMs: 100, capMs: 5000 };

/** Listens until `unlisten`. A lost connection is no error: after a pause with full jitter the next one is opened. */
export function listen(open: () => Client, options: ListenOptions): Listening {
  const stopping = new AbortController();
  const running = (async () => {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const listened = await listenOnce(open(), options, stopping.signal).catch(() => false);
      if (listened) attempt = 1;
      await pause(fullJitter(attempt, BACKOFF, Math.random()), undefined, stopping).catch(() => undefined);
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
  const stop = (): void => void client.connection.stream.destroy();
  const close = new AbortController();
  try {
    await client.connect();
    const timer = setTimeout(() => client.connection.stream.destroy(), options.answerWithinMs);
    await client.query(`LISTEN ${client.escapeIdentifier(options.channel)}`).finally(() => clearTimeout(timer));
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
    client.connection.stream.destroy();
  }
}

async function ping(client: Client, options: ListenOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(options.pingEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const timer = setTimeout(() => client.connection.stream.destroy(), options.answerWithinMs);
    await client.query('SELECT 1').catch(() => undefined);
    clearTimeout(timer);
  }
}
