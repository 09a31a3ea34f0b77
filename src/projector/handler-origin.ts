import { AsyncLocalStorage } from 'node:async_hooks';
import type { StoredEvent } from '../core/event.ts';

/** Whose code runs: a projection's handler, at an event. */
export interface HandlerOrigin {
  readonly projection: string;
  readonly event: StoredEvent;
}

const handling = new AsyncLocalStorage<HandlerOrigin>();

/** Runs a handler so that what it leaves behind (a timer, a promise that nobody awaits) is known as its own. */
export function withHandlerContext<T>(culprit: HandlerOrigin, handler: () => T): T {
  return handling.run(culprit, handler);
}

/** Asked inside of 'unhandledRejection' or 'uncaughtException': the handler that left it behind, or null. */
export function findHandlerOrigin(): HandlerOrigin | null {
  return handling.getStore() ?? null;
}
