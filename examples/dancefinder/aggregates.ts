import type { DanceEvent, DanceEventName } from './events.ts';

export type AggregateName = 'domain.Band' | 'domain.DanceHall' | 'domain.Event' | 'domain.UserPreferences';

/** The aggregate of each event type. It is typed by the union, so a missing event type does not compile. */
export const AGGREGATE_OF: Readonly<Record<DanceEventName, AggregateName>> = {
  BandCreated: 'domain.Band',
  DanceHallCreated: 'domain.DanceHall',
  DanceHallGeocoded: 'domain.DanceHall',
  EventCreated: 'domain.Event',
  EventUpdated: 'domain.Event',
  EventDeleted: 'domain.Event',
  OriginAdded: 'domain.UserPreferences',
  OriginRemoved: 'domain.UserPreferences',
  BandIgnored: 'domain.UserPreferences',
  BandUnignored: 'domain.UserPreferences',
  DanceHallIgnored: 'domain.UserPreferences',
  DanceHallUnignored: 'domain.UserPreferences',
  CityIgnored: 'domain.UserPreferences',
  CityUnignored: 'domain.UserPreferences',
  MunicipalityIgnored: 'domain.UserPreferences',
  MunicipalityUnignored: 'domain.UserPreferences',
  StateIgnored: 'domain.UserPreferences',
  StateUnignored: 'domain.UserPreferences',
};

/** True for the 18 event types that DanceFinder's projections handle. A store may hold other types too. */
export function isDanceEvent<E extends { readonly name: string; readonly payload: unknown }>(
  event: E,
): event is E & DanceEvent {
  return Object.hasOwn(AGGREGATE_OF, event.name);
}
