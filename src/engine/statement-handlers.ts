import type { StoredEvent } from '../core/event.ts';
import type { Handler } from '../core/projection.ts';

const known = new WeakSet<Handler<StoredEvent>>();

/**
 * This handler has returned statements. Only calling it can tell: one that returns a promise has begun its work by then,
 * with letters sent perhaps, so it must not be called just to find out.
 */
export function returnedStatements(handler: Handler<StoredEvent>): void {
  known.add(handler);
}

/** It has done so before, so that it may be asked for them ahead of the transaction. */
export function returnsStatements(handler: Handler<StoredEvent>): boolean {
  return known.has(handler);
}
