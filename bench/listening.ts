import type { Listening } from '../src/postgres/listen.ts';
import type { Sql } from '../src/postgres/pool.ts';

/** Resolves when the server has processed LISTEN: every later notification is received. */
export function listenTo(sql: Sql, channel: string, onNotify: () => void): Promise<Listening> {
  return new Promise((resolve) => {
    const listening = sql.listen(channel, onNotify, () => resolve(listening));
  });
}
