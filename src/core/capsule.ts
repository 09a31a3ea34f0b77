import type { FailureRecord, RowText, TryReport } from './failure.ts';

/** Rises when a field changes its meaning: an older program then refuses a newer capsule instead of misreading it. */
export const CAPSULE_VERSION = 1;

/** An event as text, exact to the last digit and microsecond. Numbers that may be large are decimal strings. */
export interface CapsuleEvent {
  readonly position: string;
  readonly id: string;
  readonly instanceId: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: string;
  readonly name: string;
  readonly occurredAt: string;
  /** JSON, or its beginning where `payloadLength` is larger. */
  readonly payload: string;
  /** Length of the whole payload in characters. */
  readonly payloadLength: number;
  /** JSON. */
  readonly metadata: string;
}

export interface CapsuleColumn {
  readonly name: string;
  /** As a cast has it: `numeric(10,2)`. */
  readonly type: string;
  readonly oid: number;
  readonly notNull: boolean;
  readonly computed: boolean;
}

/** A table that the event's statements read or write, with the rows that they match. */
export interface CapsuleTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly unique: readonly (readonly string[])[];
  readonly columns: readonly CapsuleColumn[];
  readonly rows: readonly RowText[];
  /** Whether the statements match further rows. */
  readonly more: boolean;
}

/** A failure snapshot: all that a test needs to make a failed event fail again. A JSON value; a second export gives the same one. */
export interface Capsule {
  readonly capsule: typeof CAPSULE_VERSION;
  /** Version of the engine. */
  readonly engine: string;
  readonly projection: { readonly name: string; readonly version: number; readonly handles: readonly string[] };
  readonly event: CapsuleEvent;
  /** Events of the same stream, in order. */
  readonly stream: { readonly before: readonly CapsuleEvent[]; readonly after: readonly CapsuleEvent[] };
  /** The events of any stream that the projection handled last before it, in order. */
  readonly handledBefore: readonly CapsuleEvent[];
  readonly failure: FailureRecord;
  /** The result of a dry run of the event when the snapshot was made. */
  readonly attempt: Pick<TryReport, 'outcome' | 'error' | 'code' | 'sqlstate' | 'statements' | 'moreStatements'>;
  readonly tables: readonly CapsuleTable[];
}
