import { type ColumnValue, defineProjection, none, type Row, remove, update, upsert } from '../../../src/index.ts';
import type { DanceEvent, EventUpdated } from '../events.ts';

/** Dances: which band plays where and when. */
export const event = defineProjection<DanceEvent>()({
  name: 'event',
  schema: `
    CREATE TABLE IF NOT EXISTS event (
      id uuid PRIMARY KEY,
      date date,
      band_id uuid,
      dance_hall_id uuid,
      time_text text,
      extra_info text,
      created timestamptz
    );
    CREATE INDEX IF NOT EXISTS event_date_idx ON event (date);
    CREATE INDEX IF NOT EXISTS event_band_id_idx ON event (band_id);
    CREATE INDEX IF NOT EXISTS event_dance_hall_id_idx ON event (dance_hall_id);
  `,
  tables: { event: { key: ['id'] } },
  on: {
    // Every column is written, also with null: a dance that is created again keeps no earlier change.
    EventCreated: ({ aggregateId: id, occurredAt, payload }) =>
      upsert(
        'event',
        {
          id,
          date: payload.date,
          band_id: payload.bandId,
          dance_hall_id: payload.danceHallId,
          time_text: payload.timeText ?? null,
          extra_info: payload.extraInfo ?? null,
          created: occurredAt,
        },
        { conflict: ['id'] },
      ),
    EventUpdated: ({ aggregateId: id, payload }) => {
      const changed = given(payload);
      return Object.keys(changed).length === 0 ? none() : update('event', changed, { id });
    },
    EventDeleted: ({ aggregateId: id }) => remove('event', { id }),
  },
});

/** The columns of the fields that are present, null included. */
function given({ date, bandId, danceHallId, timeText, extraInfo }: EventUpdated): Row {
  const columns: Record<string, ColumnValue> = {};
  if (date !== undefined) columns['date'] = date;
  if (bandId !== undefined) columns['band_id'] = bandId;
  if (danceHallId !== undefined) columns['dance_hall_id'] = danceHallId;
  if (timeText !== undefined) columns['time_text'] = timeText;
  if (extraInfo !== undefined) columns['extra_info'] = extraInfo;
  return columns;
}
