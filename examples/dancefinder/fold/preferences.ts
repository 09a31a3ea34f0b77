import { pairId } from '../pair-id.ts';
import type { OpenTables, RecordedDanceEvent, TableRow } from './tables.ts';

export function foldPreferences(tables: OpenTables, event: RecordedDanceEvent): void {
  const { rows, bandIds } = tables;
  foldOrigins(tables, event);
  if (event.name === 'BandIgnored') {
    const bandId = bandIds.get(event.payload.bandName);
    if (bandId === undefined) throw new Error(`band '${event.payload.bandName}' is ignored before it exists`);
    ignore(rows.ignored_band, 'band_id', bandId, event);
  }
  if (event.name === 'BandUnignored') unignore(rows.ignored_band, bandIds.get(event.payload.bandName), event);
  if (event.name === 'DanceHallIgnored') {
    ignore(rows.ignored_dance_hall, 'dance_hall_id', event.payload.danceHallId, event);
  }
  if (event.name === 'DanceHallUnignored') unignore(rows.ignored_dance_hall, event.payload.danceHallId, event);
  if (event.name === 'CityIgnored') ignore(rows.ignored_city, 'city', event.payload.city, event);
  if (event.name === 'CityUnignored') unignore(rows.ignored_city, event.payload.city, event);
  if (event.name === 'MunicipalityIgnored') {
    ignore(rows.ignored_municipality, 'municipality', event.payload.municipality, event);
  }
  if (event.name === 'MunicipalityUnignored') {
    unignore(rows.ignored_municipality, event.payload.municipality, event);
  }
  if (event.name === 'StateIgnored') ignore(rows.ignored_state, 'state', event.payload.state, event);
  if (event.name === 'StateUnignored') unignore(rows.ignored_state, event.payload.state, event);
}

function foldOrigins({ rows }: OpenTables, event: RecordedDanceEvent): void {
  if (event.name === 'OriginAdded') {
    const { originId: id, subject, name, latitude, longitude } = event.payload;
    rows.origin.set(id, { id, subject, name, latitude, longitude, created: event.occurredAt });
  }
  if (event.name === 'OriginRemoved') {
    const { originId, subject } = event.payload;
    if (rows.origin.get(originId)?.['subject'] === subject) rows.origin.delete(originId);
  }
}

interface Choice {
  readonly occurredAt: string;
  readonly payload: { readonly subject: string };
}

/** An existing row keeps the time of its first event. */
function ignore(table: Map<string, TableRow>, column: string, what: string, { occurredAt, payload }: Choice): void {
  const id = pairId(what, payload.subject);
  if (!table.has(id)) table.set(id, { id, [column]: what, subject: payload.subject, created: occurredAt });
}

function unignore(table: Map<string, TableRow>, what: string | undefined, { payload }: Choice): void {
  if (what !== undefined) table.delete(pairId(what, payload.subject));
}
