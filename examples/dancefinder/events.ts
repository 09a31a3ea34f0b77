import { z } from 'zod';
import type { EventsOf } from '../../src/index.ts';

/**
 * The events of the four aggregates of DanceFinder, with their payloads as the store holds them. The schemas do not repeat
 * what a column checks (that an id is a uuid, that a day exists).
 */

/** A dance: one band, one hall, one evening. */
const dance = z.object({
  /** YYYY-MM-DD */
  date: z.string(),
  bandId: z.string(),
  danceHallId: z.string(),
  timeText: z.string().nullable().optional(),
  extraInfo: z.string().nullable().optional(),
});

/** The login name of the dancer whose preference it is, not the id of the aggregate. */
const subject = z.string();

/** The band by its name, as the dancer typed it. The projection looks the id up. */
const bandChoice = z.object({ subject, bandName: z.string() });
const danceHallChoice = z.object({ subject, danceHallId: z.string() });
const cityChoice = z.object({ subject, city: z.string() });
const municipalityChoice = z.object({ subject, municipality: z.string() });
const stateChoice = z.object({ subject, state: z.string() });

export const events = {
  BandCreated: z.object({ name: z.string() }),
  DanceHallCreated: z.object({ name: z.string(), city: z.string(), municipality: z.string(), state: z.string() }),
  DanceHallGeocoded: z.object({ latitude: z.number(), longitude: z.number() }),
  EventCreated: dance,
  /** The changed fields. `null` empties the column; a field that is left out keeps it. */
  EventUpdated: dance.partial(),
  EventDeleted: z.unknown(),
  /** A place the dancer starts from, such as home. */
  OriginAdded: z.object({
    subject,
    originId: z.string(),
    name: z.string(),
    latitude: z.number(),
    longitude: z.number(),
  }),
  OriginRemoved: z.object({ subject, originId: z.string() }),
  BandIgnored: bandChoice,
  BandUnignored: bandChoice,
  DanceHallIgnored: danceHallChoice,
  DanceHallUnignored: danceHallChoice,
  CityIgnored: cityChoice,
  CityUnignored: cityChoice,
  MunicipalityIgnored: municipalityChoice,
  MunicipalityUnignored: municipalityChoice,
  StateIgnored: stateChoice,
  StateUnignored: stateChoice,
};

export type DanceEvent = EventsOf<typeof events>;

export type DanceEventName = DanceEvent['name'];

export type PayloadOf<Name extends DanceEventName> = Extract<DanceEvent, { readonly name: Name }>['payload'];

export type EventCreated = PayloadOf<'EventCreated'>;

export type EventUpdated = PayloadOf<'EventUpdated'>;
