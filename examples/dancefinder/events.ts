/** The events of DanceFinder: what the four aggregates say happened, as the store holds their payloads. */

interface BandCreated {
  readonly name: string;
}

interface DanceHallCreated {
  readonly name: string;
  readonly city: string;
  readonly municipality: string;
  readonly state: string;
}

interface DanceHallGeocoded {
  readonly latitude: number;
  readonly longitude: number;
}

/** A dance: one band, one hall, one evening. */
export interface EventCreated {
  /** YYYY-MM-DD */
  readonly date: string;
  readonly bandId: string;
  readonly danceHallId: string;
  readonly timeText?: string | null;
  readonly extraInfo?: string | null;
}

/** Only what changed. A `null` empties the column, a field that is left out keeps it. */
export type EventUpdated = Partial<EventCreated>;

/** Whose preference it is: the login name, not the aggregate's id. */
interface BySubject {
  readonly subject: string;
}

/** A place the dancer starts from, such as home. */
interface OriginAdded extends BySubject {
  readonly originId: string;
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
}

interface OriginRemoved extends BySubject {
  readonly originId: string;
}

/** By name: the dancer typed it. The projection finds the id. */
interface BandChoice extends BySubject {
  readonly bandName: string;
}

interface DanceHallChoice extends BySubject {
  readonly danceHallId: string;
}

interface CityChoice extends BySubject {
  readonly city: string;
}

interface MunicipalityChoice extends BySubject {
  readonly municipality: string;
}

interface StateChoice extends BySubject {
  readonly state: string;
}

export type DanceEvent =
  | { readonly name: 'BandCreated'; readonly payload: BandCreated }
  | { readonly name: 'DanceHallCreated'; readonly payload: DanceHallCreated }
  | { readonly name: 'DanceHallGeocoded'; readonly payload: DanceHallGeocoded }
  | { readonly name: 'EventCreated'; readonly payload: EventCreated }
  | { readonly name: 'EventUpdated'; readonly payload: EventUpdated }
  | { readonly name: 'EventDeleted'; readonly payload: Readonly<Record<string, never>> }
  | { readonly name: 'OriginAdded'; readonly payload: OriginAdded }
  | { readonly name: 'OriginRemoved'; readonly payload: OriginRemoved }
  | { readonly name: 'BandIgnored'; readonly payload: BandChoice }
  | { readonly name: 'BandUnignored'; readonly payload: BandChoice }
  | { readonly name: 'DanceHallIgnored'; readonly payload: DanceHallChoice }
  | { readonly name: 'DanceHallUnignored'; readonly payload: DanceHallChoice }
  | { readonly name: 'CityIgnored'; readonly payload: CityChoice }
  | { readonly name: 'CityUnignored'; readonly payload: CityChoice }
  | { readonly name: 'MunicipalityIgnored'; readonly payload: MunicipalityChoice }
  | { readonly name: 'MunicipalityUnignored'; readonly payload: MunicipalityChoice }
  | { readonly name: 'StateIgnored'; readonly payload: StateChoice }
  | { readonly name: 'StateUnignored'; readonly payload: StateChoice };

export type DanceEventName = DanceEvent['name'];

export type PayloadOf<Name extends DanceEventName> = Extract<DanceEvent, { readonly name: Name }>['payload'];
