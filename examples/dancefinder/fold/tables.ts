import type { DanceEvent } from '../events.ts';

/** The fields of an event that the rows depend on. `occurredAt` in UTC with microseconds. */
export interface RecordedEvent {
  readonly name: string;
  readonly aggregateId: string;
  readonly occurredAt: string;
  readonly payload: unknown;
}

export type RecordedDanceEvent = RecordedEvent & DanceEvent;

export type TableRow = Readonly<Record<string, string | number | null>>;

export const TABLE_NAMES = [
  'band',
  'dance_hall',
  'event',
  'origin',
  'ignored_band',
  'ignored_dance_hall',
  'ignored_city',
  'ignored_municipality',
  'ignored_state',
] as const;

export type TableName = (typeof TABLE_NAMES)[number];

export type Tables = Readonly<Record<TableName, readonly TableRow[]>>;

/** The tables while they are folded, rows by id. */
export interface OpenTables {
  readonly rows: Readonly<Record<TableName, Map<string, TableRow>>>;
  /** Name to the id of the band that has it now. */
  readonly bandIds: Map<string, string>;
}

export function emptyTables(): OpenTables {
  return {
    rows: {
      band: new Map(),
      dance_hall: new Map(),
      event: new Map(),
      origin: new Map(),
      ignored_band: new Map(),
      ignored_dance_hall: new Map(),
      ignored_city: new Map(),
      ignored_municipality: new Map(),
      ignored_state: new Map(),
    },
    bandIds: new Map(),
  };
}

export function sortedRows({ rows }: OpenTables): Tables {
  const sorted = (table: TableName): readonly TableRow[] => [...rows[table].values()].sort(byId);
  return {
    band: sorted('band'),
    dance_hall: sorted('dance_hall'),
    event: sorted('event'),
    origin: sorted('origin'),
    ignored_band: sorted('ignored_band'),
    ignored_dance_hall: sorted('ignored_dance_hall'),
    ignored_city: sorted('ignored_city'),
    ignored_municipality: sorted('ignored_municipality'),
    ignored_state: sorted('ignored_state'),
  };
}

/** By code unit, which for lower-case UUIDs is PostgreSQL's order of the type uuid. */
function byId(a: TableRow, b: TableRow): number {
  const [first, second] = [String(a['id']), String(b['id'])];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}
