import { isDanceEvent } from './aggregates.ts';
import { foldBandsAndHalls } from './fold/bands-and-halls.ts';
import { foldDances } from './fold/dances.ts';
import { foldPreferences } from './fold/preferences.ts';
import { emptyTables, type RecordedEvent, sortedRows, type Tables } from './fold/tables.ts';

/**
 * The expected rows of every table after these events: the read models as one pure function of the history. It follows the
 * description of the events and not the code of the projections. Tests compare the two.
 *
 * Rows are sorted by id. Values are as PostgreSQL shows them: dates and times as text (times in UTC with microseconds,
 * `2026-03-01T19:00:00.123456Z`), coordinates as numbers, null for what is missing.
 */
export function foldHistory(events: Iterable<RecordedEvent>): Tables {
  const tables = emptyTables();
  for (const event of events) {
    if (!isDanceEvent(event)) continue;
    foldBandsAndHalls(tables, event);
    foldDances(tables, event);
    foldPreferences(tables, event);
  }
  return sortedRows(tables);
}
