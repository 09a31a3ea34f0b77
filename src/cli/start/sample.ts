import type { ConfigFile, EventSource } from '../../config/load-projections.ts';
import type { Config } from '../../config/read-config.ts';
import type { NewEvent } from '../../core/event.ts';
import { append } from '../../event-store/append.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { migrate } from '../../event-store/migrate.ts';
import { connect, type DatabaseAddress, describeAddress } from '../../postgres/pool.ts';

const BATCH = 1000;

/**
 * Appends the sample history if the store is empty, in one transaction: after an interrupted start the store is empty.
 * @returns the number of events appended
 */
export async function appendSample(options: {
  readonly address: DatabaseAddress;
  readonly config: Config;
  readonly file: ConfigFile;
  readonly sample: EventSource;
  readonly log: { warn(fields: object, message: string): void };
  readonly signal: AbortSignal;
}): Promise<number> {
  const { address, config, file, sample, log, signal } = options;
  const sql = connect({ address, ...pathOf(config), applicationName: 'projectionist:sample', max: 1 });
  try {
    await checkDatabase(sql, address);
    await migrate(sql, {
      schema: config.schema,
      notify: config.listenNotify,
      projections: file.projections,
      secondStore: false,
      onNewStore: (text) => log.warn({ address: describeAddress(address) }, text),
    });
    return await sql.begin(async (tx) => {
      // Of two daemons that start at the same time the second one waits here, and then finds the events.
      await tx`LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE`;
      const [{ empty }] = await tx<[{ empty: boolean }]>`SELECT max(position) IS NULL AS empty FROM events`;
      if (!empty) return 0;
      let appended = 0;
      for await (const batch of batches(sample({ signal }), BATCH)) {
        signal.throwIfAborted();
        appended += (await append(tx, batch)).length;
      }
      return appended;
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * Appends the events of `traffic` until the returned function is called. That one resolves when the last append has ended.
 * An event whose append fails is logged and left out.
 */
export function appendTraffic(options: {
  readonly address: DatabaseAddress;
  readonly config: Config;
  readonly traffic: EventSource;
  readonly log: { warn(fields: object, message: string): void };
}): () => Promise<void> {
  const { address, config, traffic, log } = options;
  const stopping = new AbortController();
  const sql = connect({ address, ...pathOf(config), applicationName: 'projectionist:traffic', max: 1 });
  const running = (async () => {
    for await (const event of traffic({ signal: stopping.signal })) {
      if (stopping.signal.aborted) break;
      await append(sql, [event]).catch((error: unknown) => log.warn({ err: error }, 'traffic.append-failed'));
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) log.warn({ err: error }, 'traffic.ended');
  });
  return async () => {
    stopping.abort(new Error('the daemon is stopping'));
    await running;
    await sql.end({ timeout: 5 });
  };
}

async function* batches(
  events: Iterable<NewEvent> | AsyncIterable<NewEvent>,
  size: number,
): AsyncGenerator<readonly NewEvent[]> {
  let batch: NewEvent[] = [];
  for await (const event of events) {
    batch.push(event);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function pathOf({ schema, extensionSchemas }: Config): Pick<Config, 'schema' | 'extensionSchemas'> {
  return { schema, extensionSchemas };
}
