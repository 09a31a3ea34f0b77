import type { StoredEvent } from '../core/event.ts';
import type { Handler } from '../core/projection.ts';

const known = new WeakSet<Handler<StoredEvent>>();
const promising = new WeakSet<Handler<StoredEvent>>();

/**
 * This handler has returned statements. Only calling it can tell: one that returns a promise has begun its work by then,
 * with letters sent perhaps, so it must not be called just to find out.
 */
export function returnedStatements(handler: Handler<StoredEvent>): void {
  known.add(handler);
}

/** This one has returned a promise, if only once: it is not asked ahead of its turn again. */
export function returnedPromise(handler: Handler<StoredEvent>): void {
  promising.add(handler);
}

/** It has done so before, so that it may be asked for them ahead of the transaction. */
export function returnsStatements(handler: Handler<StoredEvent>): boolean {
  return known.has(handler) && !runsSql(handler);
}

/** It is declared async, or has returned a promise before. */
export function runsSql(handler: Handler<StoredEvent>): boolean {
  return handler.constructor.name === 'AsyncFunction' || promising.has(handler);
}
