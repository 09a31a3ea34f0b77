import { AGGREGATE_OF } from '../aggregates.ts';
import type { DanceEventName, PayloadOf } from '../events.ts';
import { PLACES, type Place } from '../places.ts';
import { type Clock, createClock } from './clock.ts';
import { createIds } from './ids.ts';
import { bandName } from './names.ts';
import { createRandom, type Random } from './random.ts';
import { Ring } from './ring.ts';

/** One aggregate's events so far; `length` is the sequence number of its latest. */
export interface Stream {
  readonly aggregateId: string;
  length: number;
}

export interface Band extends Stream {
  /** Undefined once another band has taken the name. */
  name: string | undefined;
  /** Another band had the name before, so the result of a look-up depends on its time. */
  nameIsShared: boolean;
  everIgnored: boolean;
}

export interface Hall extends Stream {
  readonly place: Place;
  geocoded: boolean;
}

export interface Dance extends Stream {
  deleted: boolean;
}

/** A dancer with the current preferences. */
export interface User extends Stream {
  readonly subject: string;
  readonly kept: Choice[];
}

/** One preference of one dancer. */
export interface Choice {
  /** None if the chosen thing no longer exists. */
  readonly add: () => Draft | undefined;
  readonly remove: () => Draft;
}

/** The next event, without its id and time. */
export interface Draft {
  readonly stream: Stream;
  readonly aggregateName: string;
  readonly name: string;
  readonly payload: unknown;
}

/** The state of the generator, bounded for a history of any length. */
export interface World {
  readonly random: Random;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly newBandName: () => string;
  readonly newPlace: () => Place;
  readonly bands: Ring<Band>;
  readonly halls: Ring<Hall>;
  readonly dances: Ring<Dance>;
  readonly users: Ring<User>;
  readonly originIds: Ring<string>;
  /** Names that a band had before. */
  readonly freeNames: Ring<string>;
  readonly reuseIgnoredNames: boolean;
}

export interface WorldOptions {
  readonly seed: number;
  readonly start: string;
  readonly paceSeconds: number;
  readonly firstBand: number;
  readonly reuseIgnoredNames: boolean;
}

export function createWorld(options: WorldOptions): World {
  const random = createRandom(options.seed, 1);
  let bands = options.firstBand;
  return {
    random,
    clock: createClock(createRandom(options.seed, 2), options.start, options.paceSeconds),
    newId: createIds(createRandom(options.seed, 3)),
    newBandName: () => bandName(bands++),
    newPlace: () => random.pick(PLACES),
    bands: new Ring(2048),
    halls: new Ring(1024),
    dances: new Ring(4096),
    users: new Ring(1024),
    originIds: new Ring(256),
    freeNames: new Ring(256),
    reuseIgnoredNames: options.reuseIgnoredNames,
  };
}

export function draft<Name extends DanceEventName>(stream: Stream, name: Name, payload: PayloadOf<Name>): Draft {
  return { stream, aggregateName: AGGREGATE_OF[name], name, payload };
}
