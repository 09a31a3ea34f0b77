import { NEVER, Observable } from 'rxjs';
import type { Sql } from '../postgres/pool.ts';

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
