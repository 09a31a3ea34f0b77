import { orLate } from '../core/deadline.ts';
import type { DaemonPort } from '../daemon/api.ts';
import type { Log } from './guards.ts';
import type { Route } from './route.ts';

/** What the handlers of routes use. */
export interface RouteContext {
  readonly daemon: DaemonPort;
  readonly version: string;
  readonly log: Log;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  /** Time limit of one question to the database. */
  readonly answerTimeoutMs: number;
  /** Commands under way at once. */
  readonly maxCommands: number;
}

/** Routes that belong together. `description` gives the OpenAPI document of all groups, once they are registered. */
export type RouteGroup = (routeContext: RouteContext, description: () => object) => readonly Route[];

/** Awaits a question to the daemon, up to the time limit or until the server closes. */
export function withTimeout<T>(question: Promise<T>, { closing, answerTimeoutMs }: RouteContext): Promise<T> {
  return orLate(question, { signals: [closing], ms: answerTimeoutMs });
}
