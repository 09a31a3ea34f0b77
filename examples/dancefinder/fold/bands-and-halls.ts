import type { OpenTables, RecordedDanceEvent } from './tables.ts';

export function foldBandsAndHalls({ rows, bandIds }: OpenTables, event: RecordedDanceEvent): void {
  const id = event.aggregateId;
  if (event.name === 'BandCreated') {
    const { name } = event.payload;
    // One row per id and one per name: the band loses its old name, and another band with this name loses its row.
    const left = rows.band.get(id)?.['name'];
    if (typeof left === 'string') bandIds.delete(left);
    const former = bandIds.get(name);
    if (former !== undefined) rows.band.delete(former);
    rows.band.set(id, { id, name, created: event.occurredAt });
    bandIds.set(name, id);
  }
  if (event.name === 'DanceHallCreated') {
    const { name, city, municipality, state } = event.payload;
    const known = rows.dance_hall.get(id) ?? { latitude: null, longitude: null };
    rows.dance_hall.set(id, { ...known, id, name, city, municipality, state, created: event.occurredAt });
  }
  if (event.name === 'DanceHallGeocoded') {
    const known = rows.dance_hall.get(id);
    const { latitude, longitude } = event.payload;
    if (known !== undefined) rows.dance_hall.set(id, { ...known, latitude, longitude });
  }
}
