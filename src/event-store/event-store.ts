import type { NewEvent, StoredEvent } from '../core/event.ts';
import { connect, type DatabaseAddress } from '../postgres/pool.ts';
import { type Appended, append } from './append.ts';
import { checkDatabase } from './checks.ts';
import { createHighWaterMarkReader } from './high-water-mark.ts';
import { migrate } from './migrate.ts';
import { readPage } from './read.ts';

export interface EventStoreOptions {
  readonly database: DatabaseAddress;
  /** Default public. */
  readonly schema?: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  /** Whether appends send a NOTIFY. Default true; off where transactions with appends are going to be PREPAREd. */
  readonly notify?: boolean;
  /** Whether an event store may be created in schema public if another schema has one. Default false: STORE_ELSEWHERE. */
  readonly secondStore?: boolean;
}

export interface EventStore extends AsyncDisposable {
  /**
   * Appends events, all or none, in the order given; each `sequenceNo` is the optimistic lock on its stream.
   * @throws EngineError APPEND_CONFLICT, APPEND_DUPLICATE, APPEND_INVALID
   */
  append(events: readonly NewEvent[]): Promise<readonly Appended[]>;
  /** Every event after a position up to the high-water mark, in order. No event can appear later among these. */
  read(after?: bigint): AsyncGenerator<StoredEvent, void, undefined>;
  close(): Promise<void>;
}

/**
 * The event store for code that appends and reads; the daemon has its own connections. Creates missing tables.
 * @throws EngineError DATABASE_UNREACHABLE, DATABASE_ENCODING, SCHEMA_NEWER, STORE_ELSEWHERE …
 */
export async function createEventStore({
  database,
  schema = 'public',
  extensionSchemas,
  notify = true,
  secondStore = false,
}: EventStoreOptions): Promise<EventStore> {
  const options = { address: database, schema, extensionSchemas, applicationName: 'projectionist:store' };
  const sql = connect({ ...options, max: 4 });
  const control = connect({ ...options, max: 1 });
  const close = async (): Promise<void> => {
    await Promise.all([sql.end({ timeout: 5 }), control.end({ timeout: 5 })]);
  };
  try {
    await checkDatabase(sql, database);
    await migrate(sql, { schema, notify, projections: [], secondStore });
  } catch (error) {
    await close();
    throw error;
  }
  const highWaterMark = createHighWaterMarkReader(control);
  return {
    append: (events) => append(sql, events),
    async *read(after = 0n) {
      const { position: head } = await highWaterMark.read();
      for (let from = after; from < head; ) {
        const page = await readPage(sql, { after: from, head, names: null, limit: 1000, maxBytes: 8 * 1024 * 1024 });
        yield* page.events;
        from = page.to;
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
