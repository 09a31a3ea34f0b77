import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { fullJitter } from '../core/backoff.ts';

export interface Listening {
  /** Resolves when the connection is closed. Idempotent. */
  unlisten(): Promise<void>;
}

export interface ListenOptions {
  readonly channel: string;
  /** For each NOTIFY on the channel. */
  readonly onNotify: (payload: string) => void;
  /** Whenever listening begins (again): what was announced before is gone. */
  readonly onListen: () => void;
  /** Milliseconds between two signs of life: a peer that is gone without a word would be listened to for ever. */
  readonly pingEveryMs: number;
  /** Milliseconds until the answer to one counts as lost. */
  readonly answerWithinMs: number;
}

const BACKOFF = { baseMs: 100, capMs: 5000 };

/** Listens until `unlisten`, over one connection after the other. A lost one is no error: the next follows after a pause. */
export function listen(open: () => Client, options: ListenOptions): Listening {
  const stopping = new AbortController();
  const running = (async () => {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const heard = await listenOnce(open(), options, stopping.signal).catch(() => false);
      if (heard) attempt = 1;
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

/** @returns true when the connection had been listening before it ended */
async function listenOnce(client: Client, options: ListenOptions, signal: AbortSignal): Promise<boolean> {
  const ended = new Promise<void>((resolve) => client.on('end', resolve));
  client.on('error', () => undefined);
  client.on('notification', ({ payload }) => options.onNotify(payload ?? ''));
  // Not `end`, which would wait for a peer that may be gone.
  const stop = (): void => void client.connection.stream.destroy();
  const close = new AbortController();
  try {
    await client.connect();
    const silent = setTimeout(() => client.connection.stream.destroy(), options.answerWithinMs);
    await client.query(`LISTEN ${client.escapeIdentifier(options.channel)}`).finally(() => clearTimeout(silent));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) return false;
    options.onListen();
    void ping(client, options, close.signal);
    await ended;
    return true;
  } finally {
    signal.removeEventListener('abort', stop);
    close.abort();
    // Without a deadline of its own the driver would wait for a peer that is gone.
    client.connection.stream.destroy();
  }
}

async function ping(client: Client, options: ListenOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(options.pingEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const silent = setTimeout(() => client.connection.stream.destroy(), options.answerWithinMs);
    await client.query('SELECT 1').catch(() => undefined);
    clearTimeout(silent);
  }
}
