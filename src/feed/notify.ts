import { createHash } from 'node:crypto';
import { NEVER, Observable } from 'rxjs';
import type { Sql } from '../postgres/pool.ts';

/**
 * The channel on which appends of a schema are announced; the trigger function of sql/006_channel.sql computes the same.
 * PostgreSQL refuses a NOTIFY on a channel of more than 63 bytes, and cuts the name in a LISTEN.
 */
export function channelOf(schema: string): string {
  const channel = `projectionist:${schema}`;
  if (Buffer.byteLength(channel) <= 63) return channel;
  return `projectionist:${createHash('sha256').update(schema).digest('hex').slice(0, 40)}`;
}

/**
 * Emits for each NOTIFY of an append, and once whenever listening begins (again): what was announced while the
 * connection was away is gone. Losing the connection is not an error; it comes back by itself, and the
 * heartbeat covers the time until then. Without a channel: silence.
 */
export function notifications(sql: Sql, channel: string | null): Observable<void> {
  if (channel === null) return NEVER;
  return new Observable<void>((subscriber) => {
    const next = (): void => subscriber.next();
    const listening = sql.listen(channel, next, next);
    return () => void listening.unlisten();
  });
}
