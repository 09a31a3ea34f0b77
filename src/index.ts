export type { BrokerStatus } from './core/broker.ts';
export type { Capsule, CapsuleEvent } from './core/capsule.ts';
export { not } from './core/changes.ts';
export { lookup, multi, none, several } from './core/compound-statements.ts';
export { Decimal } from './core/decimal.ts';
export { EngineError, ERROR_CODES, type ErrorCode, isEngineError } from './core/errors.ts';
export type { NewEvent, StoredEvent } from './core/event.ts';
export type { FailureRecord, TryReport } from './core/failure.ts';
export type { Halt, OnHalt } from './core/halt.ts';
export { parsePosition } from './core/position.ts';
export {
  defineProjection,
  type EventShape,
  type Handler,
  type HandlerContext,
  type Projection,
  type ProjectionDefinition,
  type TableShape,
  type Transaction,
  withEvents,
} from './core/projection.ts';
export type { EventSchemas, EventsOf, StandardSchema } from './core/standard-schema.ts';
export type { ArrayElement, Change, Changes, ColumnValue, Row, Statement, Where } from './core/statement.ts';
export type { BrokerOptions } from './daemon/broker-pushes.ts';
export { createDaemon, Daemon } from './daemon/daemon.ts';
export type { DaemonOptions } from './daemon/options.ts';
export type { StartPublisher } from './daemon/publisher-port.ts';
export { createEventStore, type EventStore, type EventStoreOptions } from './event-store/event-store.ts';
export { type PublisherOptions, publisher } from './publisher/publisher.ts';
export { arrayAppend } from './read-model/column-changes/array-append.ts';
export { arrayIntersect } from './read-model/column-changes/array-intersect.ts';
export { arrayRemove } from './read-model/column-changes/array-remove.ts';
export { increment } from './read-model/column-changes/increment.ts';
export { copy } from './read-model/statements/copy-statement.ts';
export { create } from './read-model/statements/create-statement.ts';
export { remove } from './read-model/statements/remove-statement.ts';
export { update } from './read-model/statements/update-statement.ts';
export { upsert } from './read-model/statements/upsert-statement.ts';
