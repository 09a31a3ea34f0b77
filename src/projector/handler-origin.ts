import { AsyncLocalStorage } from 'node:async_hooks';
import type { StoredEvent } from '../core/event.ts';

/** Whose code runs: a projection's handler, at an event. */
export interface Culprit {
  readonly projection: string;
  readonly event: StoredEvent;
}

const handling = new AsyncLocalStorage<Culprit>();

/** Runs a handler so that what it leaves behind (a timer, a promise that nobody awaits) is known as its own. */
export function attributed<T>(culprit: Culprit, handler: () => T): T {
  return handling.run(culprit, handler);
}

/** Asked inside of 'unhandledRejection' or 'uncaughtException': the handler that left it behind, or null. */
export function findCulprit(): Culprit | null {
  return handling.getStore() ?? null;
}
