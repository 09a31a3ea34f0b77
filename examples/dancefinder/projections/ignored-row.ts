import { create, remove, type Statement, type StoredEvent } from '../../../src/index.ts';
import { pairId } from '../pair-id.ts';

/** The kinds of things that a dancer may hide. Each kind has a table of (id, what, subject, created). */
const COLUMN_OF = {
  ignored_band: 'band_id',
  ignored_dance_hall: 'dance_hall_id',
  ignored_city: 'city',
  ignored_municipality: 'municipality',
  ignored_state: 'state',
} as const;

type IgnoredTable = keyof typeof COLUMN_OF;

type Choice = StoredEvent<string, { readonly subject: string }>;

/** Ignoring twice keeps the first `created`. */
export function ignore(table: IgnoredTable, what: string, { occurredAt, payload: { subject } }: Choice): Statement {
  return create(
    table,
    { id: pairId(what, subject), [COLUMN_OF[table]]: what, subject, created: occurredAt },
    { onConflict: 'keep' },
  );
}

/** Removes only the row of this subject. */
export function unignore(table: IgnoredTable, what: string, { payload: { subject } }: Choice): Statement {
  return remove(table, { [COLUMN_OF[table]]: what, subject });
}
