import type { EventUpdated } from '../events.ts';
import type { OpenTables, RecordedDanceEvent, TableRow } from './tables.ts';

export function foldDances({ rows }: OpenTables, event: RecordedDanceEvent): void {
  const id = event.aggregateId;
  if (event.name === 'EventCreated') {
    const blank = { id, date: null, band_id: null, dance_hall_id: null, time_text: null, extra_info: null };
    rows.event.set(id, { ...changed(blank, event.payload), created: event.occurredAt });
  }
  if (event.name === 'EventUpdated') {
    const known = rows.event.get(id);
    if (known !== undefined) rows.event.set(id, changed(known, event.payload));
  }
  if (event.name === 'EventDeleted') rows.event.delete(id);
}

/** A field that is left out keeps its column; one that is null empties it. */
function changed(row: TableRow, payload: EventUpdated): TableRow {
  return {
    ...row,
    ...('date' in payload && { date: payload.date ?? null }),
    ...('bandId' in payload && { band_id: payload.bandId ?? null }),
    ...('danceHallId' in payload && { dance_hall_id: payload.danceHallId ?? null }),
    ...('timeText' in payload && { time_text: payload.timeText ?? null }),
    ...('extraInfo' in payload && { extra_info: payload.extraInfo ?? null }),
  };
}
