import { createHash } from 'node:crypto';
import { NEVER, Observable } from 'rxjs';
import type { Sql } from '../postgres/pool.ts';

/**
 * The channel of the NOTIFYs for appends to a schema; the trigger function of sql/006_channel.sql computes the same name.
 * PostgreSQL refuses a NOTIFY on a channel of more than 63 bytes, and cuts the name in a LISTEN.
 */
export function channelOf(schema: string): string {
  const channel = `projectionist:${schema}`;
  if (Buffer.byteLength(channel) <= 63) return channel;
  return `projectionist:${createHash('sha256').update(schema).digest('hex').slice(0, 40)}`;
}

/**
 * Emits for each NOTIFY of an append, and once whenever listening begins (again), since NOTIFYs are lost while there is no
 * connection. A lost connection is not an error: it is opened again, and the heartbeat covers the time until then. Never
 * emits without a channel.
 */
export function notifications(sql: Sql, channel: string | null): Observable<void> {
  if (channel === null) return NEVER;
  return new Observable<void>((subscriber) => {
    const next = (): void => subscriber.next();
    const listening = sql.listen(channel, next, next);
    return () => void listening.unlisten();
  });
}
