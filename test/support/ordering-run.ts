import { setTimeout as pause } from 'node:timers/promises';
import { createHighWaterMarkReader, type HighWaterMarkReader } from '../../src/event-store/high-water-mark.ts';
import { migrate } from '../../src/event-store/migrate.ts';
import { connect } from '../../src/postgres/pool.ts';
import { type AppendersOptions, startAppenders, type Tally } from './appenders.ts';
import { createTestDatabase } from './database.ts';
import { type Account, account, createFollower, type Follower } from './follower.ts';
import { plainPages, safePages, storedEvents } from './readers.ts';

export interface OrderingRun {
  readonly stored: number;
  /** The order of the store. If a stream is out of order here, the writers are at fault and not the reader. */
  readonly store: Account;
  readonly engine: Account;
  /** A reader with `position > last` on the same events. The events that it loses show that the run was difficult. */
  readonly plain: Account;
  readonly tally: Tally;
  /** Pages with events that the engine's reader read while a transaction of an appender was open. */
  readonly pagesWhileOpen: number;
  /** Polls at which an open transaction held the high-water mark back. */
  readonly pollsHeld: number;
  readonly headFell: boolean;
}

/** One store, many writers, and two readers that follow them from the first event to the last. */
export async function runOrdering(options: AppendersOptions): Promise<OrderingRun> {
  await using database = await createTestDatabase();
  const address = { url: database.url };
  const control = connect({ address, applicationName: 'head', max: 1 });
  const reader = connect({ address, applicationName: 'read', max: 2 });
  await migrate(reader, { schema: 'public', notify: true, projections: [] });
  const count = { pagesWhileOpen: 0, pollsHeld: 0, headFell: false };
  const head = watched(createHighWaterMarkReader(control), count);

  const appenders = await startAppenders(database, options);
  const below = safePages(head, reader);
  const engine = createFollower(async (after) => {
    const page = await below(after);
    if (page.length > 0 && appenders.open() > 0) count.pagesWhileOpen += 1;
    return page;
  });
  const plain = createFollower(plainPages(reader));
  const writing = { over: false };
  await Promise.all([
    appenders.done.finally(() => {
      writing.over = true;
    }),
    follow(engine, writing),
    follow(plain, writing),
  ]);
  const stored = await storedEvents(reader);
  await Promise.all([control.end(), reader.end()]);
  return {
    stored: stored.length,
    store: account(stored, stored),
    engine: account(engine.seen, stored),
    plain: account(plain.seen, stored),
    tally: appenders.tally,
    ...count,
  };
}

async function follow(follower: Follower, writing: { readonly over: boolean }): Promise<void> {
  while (!writing.over) {
    await follower.drain();
    await pause(1);
  }
  await follower.drain();
}

function watched(reader: HighWaterMarkReader, count: { pollsHeld: number; headFell: boolean }): HighWaterMarkReader {
  let last = 0n;
  return {
    ...reader,
    read: async () => {
      const head = await reader.read();
      if (head.holders.length > 0) count.pollsHeld += 1;
      if (head.position < last) count.headFell = true;
      last = head.position;
      return head;
    },
  };
}
