import type { NewEvent } from '../../src/index.ts';
import { newBand, renamedBand, repeatedBand, takenOverName } from './history/bands.ts';
import { deletedDance, newDance, repeatedDance, updatedDance } from './history/dances.ts';
import { geocodedHall, newHall, renamedHall } from './history/halls.ts';
import { preference } from './history/preferences.ts';
import { unhandled } from './history/unhandled.ts';
import { createWorld, type Draft, type World } from './history/world.ts';

export interface HistoryOptions {
  /** A whole number from 0. The same seed gives the same history; a longer one begins like a shorter one. */
  readonly seed: number;
  /** The number of events; Infinity for an endless history. */
  readonly events: number;
  /** The time of the beginning, ISO 8601. Default 2025-01-01T00:00:00Z. */
  readonly start?: string;
  /** Average seconds from one event to the next. Default 8: a million events in about three months. */
  readonly paceSeconds?: number;
  /** Number of the first band name. Histories that share a store need ranges of their own. Default 0. */
  readonly firstBand?: number;
  /**
   * By default a band that was ever ignored keeps its name, and no other band takes it: preferences name bands, so the
   * result of a replay would depend on the position of the projection `band`. True allows it, for tests of that case.
   * Default false.
   */
  readonly reuseIgnoredNames?: boolean;
}

/** An event with id and time, which the seed determines. */
export interface HistoryEvent extends NewEvent {
  readonly id: string;
  readonly sequenceNo: number;
  readonly occurredAt: string;
}

/** The kinds of events, and the frequency of each in a thousand. */
const ACTS: readonly (readonly [(world: World) => Draft, number])[] = [
  [newBand, 45],
  [takenOverName, 6],
  [renamedBand, 6],
  [repeatedBand, 4],
  [newHall, 26],
  [renamedHall, 3],
  [geocodedHall, 26],
  [newDance, 270],
  [repeatedDance, 5],
  [updatedDance, 150],
  [deletedDance, 55],
  [preference, 364],
  [unhandled, 40],
];

const DECK = ACTS.flatMap(([act, share]) => Array.from({ length: share }, () => act));

/** Generates a history of DanceFinder, event by event, in the order of appending. */
export function* generateHistory(options: HistoryOptions): Generator<HistoryEvent, void, undefined> {
  const world = createWorld({
    seed: options.seed,
    start: options.start ?? '2025-01-01T00:00:00Z',
    paceSeconds: options.paceSeconds ?? 8,
    firstBand: options.firstBand ?? 0,
    reuseIgnoredNames: options.reuseIgnoredNames ?? false,
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
