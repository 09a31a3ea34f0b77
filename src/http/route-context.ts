import { orLate } from '../core/deadline.ts';
import type { DaemonPort } from '../daemon/api.ts';
import type { Log } from './guards.ts';
import type { Route } from './route.ts';

/** What routes work with. */
export interface RouteContext {
  readonly daemon: DaemonPort;
  readonly version: string;
  readonly log: Log;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  /** Of one question to the database. */
  readonly answerTimeoutMs: number;
  /** Commands under way at once. */
  readonly maxCommands: number;
}

/** Routes that belong together. `description` gives the OpenAPI document of all groups, once they are registered. */
export type RouteGroup = (routeContext: RouteContext, description: () => object) => readonly Route[];

/** Waits for a question to the daemon, but not for ever, and not while the server closes. */
export function withTimeout<T>(question: Promise<T>, { closing, answerTimeoutMs }: RouteContext): Promise<T> {
  return orLate(question, { signals: [closing], ms: answerTimeoutMs });
}
