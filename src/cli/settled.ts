import { setTimeout as pause } from 'node:timers/promises';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';

/**
 * Waits while a projection catches up or is being reset.
 * @param until of `performance.now`; after it the last status is returned
 */
export async function untilSettled(
  client: DaemonClient,
  name: string,
  { everyMs, until }: { readonly everyMs: number; readonly until: number },
  signal: AbortSignal,
): Promise<ProjectionStatus> {
  for (;;) {
    const status = await client.status(name, signal);
    const isMoving = status.state === 'catching-up' || status.state === 'resetting';
    if (!isMoving || performance.now() >= until) return status;
    await pause(everyMs, undefined, { signal });
  }
}

const STATE_TEXTS: Readonly<Record<ProjectionStatus['state'], string>> = {
  idle: 'is idle and will not catch up: send it RESUME',
  'catching-up': 'is still catching up; it goes on without this command',
  live: 'is live',
  failed: 'failed',
  resetting: 'is still being reset; it goes on without this command',
};

/** Why a projection is not live, and what to do. */
export function notLive({ state, detail, failure }: ProjectionStatus): string {
  const why = failure?.error ?? detail;
  const what = STATE_TEXTS[state];
  return why === null ? what : `${what}: ${why}`;
}
