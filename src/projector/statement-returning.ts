import type { StoredEvent } from '../core/event.ts';
import type { Handler } from '../core/projection.ts';

const known = new WeakSet<Handler<StoredEvent>>();
const promising = new WeakSet<Handler<StoredEvent>>();

/**
 * Records that this handler has returned statements. Only a call shows that, and a handler that returns a promise has
 * begun its work by then, perhaps with effects outside of the database: so it must not be called to find out.
 */
export function returnedStatements(handler: Handler<StoredEvent>): void {
  known.add(handler);
}

/** Records that this handler has returned a promise, if only once: it is not called ahead again. */
export function returnedPromise(handler: Handler<StoredEvent>): void {
  promising.add(handler);
}

/** Whether the handler has returned statements before, so that it may be called ahead of the transaction. */
export function returnsStatements(handler: Handler<StoredEvent>): boolean {
  return known.has(handler) && !runsSql(handler);
}

/** Whether the handler is declared async, or has returned a promise before. */
export function runsSql(handler: Handler<StoredEvent>): boolean {
  return handler.constructor.name === 'AsyncFunction' || promising.has(handler);
}
