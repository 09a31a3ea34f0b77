import { AsyncLocalStorage } from 'node:async_hooks';
import type { StoredEvent } from '../core/event.ts';

/** The projection and the event whose handler runs. */
export interface HandlerOrigin {
  readonly projection: string;
  readonly event: StoredEvent;
}

const origins = new AsyncLocalStorage<HandlerOrigin>();

/** Runs a handler in a context by which the errors of its timers and of its promises that are not awaited are found. */
export function withHandlerContext<T>(origin: HandlerOrigin, handler: () => T): T {
  return origins.run(origin, handler);
}

/** The handler that has caused the error, inside of 'unhandledRejection' or 'uncaughtException'; null if none has. */
export function findHandlerOrigin(): HandlerOrigin | null {
  return origins.getStore() ?? null;
}
