/**
 * An event as the store holds it. `position` is the global order (allocated inside the INSERT, gaps are normal);
 * `sequenceNo` counts within one aggregate. Handlers receive it deeply frozen.
 */
export interface StoredEvent<Name extends string = string, Payload = unknown> {
  readonly position: bigint;
  readonly id: string;
  readonly instanceId: string;
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint;
  readonly name: Name;
  /**
   * UTC with microseconds, `2026-03-01T19:00:00.123456Z`: a JavaScript Date would cut it to milliseconds. Years before 1
   * and above 9999 have other forms, which PostgreSQL reads: docs/reference/tables.md.
   */
  readonly occurredAt: string;
  /** Epoch seconds of `occurredAt`. Integers beyond 2^53 in `payload` arrive as bigint. */
  readonly tstamp: bigint;
  readonly payload: Payload;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** An event to append. Defaults: a random `id`, the present time, an empty `metadata`, no instance. */
export interface NewEvent<Name extends string = string, Payload = unknown> {
  readonly aggregateName: string;
  readonly aggregateId: string;
  readonly sequenceNo: bigint | number;
  readonly name: Name;
  readonly payload: Payload;
  readonly id?: string;
  readonly instanceId?: string;
  /** Any timestamp text that PostgreSQL reads. */
  readonly occurredAt?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}
