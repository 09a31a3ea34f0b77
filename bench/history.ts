import { newBand, renamedBand, repeatedBand, takenOverName } from '../examples/dancefinder/history/bands.ts';
import { createWorld, type Draft, type World } from '../examples/dancefinder/history/world.ts';
import type { HistoryEvent } from '../examples/dancefinder/history.ts';
import { append } from '../src/event-store/append.ts';
import type { Sql } from '../src/postgres/pool.ts';

/** In the proportions of the DanceFinder history: new bands, bands with the name of another, renamed bands, repeated events. */
const BAND_ACTS: readonly (readonly [(world: World) => Draft, number])[] = [
  [newBand, 45],
  [takenOverName, 6],
  [renamedBand, 6],
  [repeatedBand, 4],
];

const DECK = BAND_ACTS.flatMap(([act, share]) => Array.from({ length: share }, () => act));

/** A history of BandCreated alone, with names that are reused and bands that are renamed. */
export function* bandHistory(options: { readonly seed: number; readonly events: number }): Generator<HistoryEvent> {
  const world = createWorld({
    seed: options.seed,
    start: '2025-01-01T00:00:00Z',
    paceSeconds: 8,
    firstBand: 0,
    reuseIgnoredNames: false,
  });
  for (let made = 0; made < options.events; made += 1) {
    const { stream, aggregateName, name, payload } = world.random.pick(DECK)(world);
    stream.length += 1;
    yield {
      id: world.newId(),
      aggregateName,
      aggregateId: stream.aggregateId,
      sequenceNo: stream.length,
      name,
      occurredAt: world.clock.next(),
      payload,
    };
  }
}

/** Appends a whole history, then vacuums and analyses the table, as autovacuum does in a store in use. */
export async function load(sql: Sql, history: Iterable<HistoryEvent>): Promise<number> {
  let batch: HistoryEvent[] = [];
  let loaded = 0;
  for (const event of history) {
    batch.push(event);
    if (batch.length < 2000) continue;
    loaded += (await append(sql, batch)).length;
    batch = [];
  }
  loaded += (await append(sql, batch)).length;
  await sql`VACUUM ANALYZE events`;
  return loaded;
}
