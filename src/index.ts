export type { BrokerStatus } from './core/broker.ts';
export { EngineError, ERROR_CODES, type ErrorCode, isEngineError } from './core/errors.ts';
export type { NewEvent, StoredEvent } from './core/event.ts';
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
} from './core/projection.ts';
export type { ColumnValue, Row, Statement, Where } from './core/statement.ts';
export { create, lookup, none, not, remove, several, update, upsert } from './core/statements.ts';
export type { BrokerOptions } from './engine/broker.ts';
export { createDaemon, Daemon } from './engine/daemon.ts';
export type { DaemonOptions } from './engine/daemon-options.ts';
export type { StartPublisher } from './engine/publisher-port.ts';
export { type PublisherOptions, publisher } from './publisher/publisher.ts';
export { createEventStore, type EventStore, type EventStoreOptions } from './store/event-store.ts';
