import type { FailureRecord, RowText, TryReport } from './failure.ts';

/** Raised when a field changes its meaning: an older program then refuses a newer capsule instead of misreading it. */
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
  /** JSON, or the beginning of it where `payloadLength` is larger. */
  readonly payload: string;
  /** Characters that the whole payload has. */
  readonly payloadLength: number;
  /** JSON. */
  readonly metadata: string;
}

export interface CapsuleColumn {
  readonly name: string;
  /** As a cast writes it: `numeric(10,2)`. */
  readonly type: string;
  readonly oid: number;
  readonly notNull: boolean;
  readonly computed: boolean;
}

/** A table that the event's statements come to, with the rows they would find there. */
export interface CapsuleTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly unique: readonly (readonly string[])[];
  readonly columns: readonly CapsuleColumn[];
  readonly rows: readonly RowText[];
  /** Whether there are rows beyond these that the statements come to. */
  readonly more: boolean;
}

/** Everything about a failed event that a test needs to make it fail again. A JSON value; a repeat gives the same one. */
export interface Capsule {
  readonly capsule: typeof CAPSULE_VERSION;
  /** Version of the engine. */
  readonly engine: string;
  readonly projection: { readonly name: string; readonly version: number; readonly handles: readonly string[] };
  readonly event: CapsuleEvent;
  /** Of the event's own stream, in order. */
  readonly stream: { readonly before: readonly CapsuleEvent[]; readonly after: readonly CapsuleEvent[] };
  /** What the projection handled last before it, of any stream, in order. */
  readonly handledBefore: readonly CapsuleEvent[];
  readonly failure: FailureRecord;
  /** What a try of it came to when the capsule was made. */
  readonly attempt: Pick<TryReport, 'outcome' | 'error' | 'code' | 'sqlstate' | 'statements' | 'moreStatements'>;
  readonly tables: readonly CapsuleTable[];
}
