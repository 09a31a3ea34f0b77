import { setTimeout as pause } from 'node:timers/promises';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';

/** Waits while it catches up or is being reset; the last status seen, when that takes longer than `until`. */
export async function untilSettled(
  client: DaemonClient,
  name: string,
  { everyMs, until }: { readonly everyMs: number; readonly until: number },
  signal: AbortSignal,
): Promise<ProjectionStatus> {
  for (;;) {
    const status = await client.status(name, signal);
    const moving = status.state === 'catching-up' || status.state === 'resetting';
    if (!moving || performance.now() >= until) return status;
    await pause(everyMs, undefined, { signal });
  }
}

const WHAT: Readonly<Record<ProjectionStatus['state'], string>> = {
  idle: 'is idle and will not catch up: send it RESUME',
  'catching-up': 'is still catching up; it goes on without this command',
  live: 'is live',
  failed: 'failed',
  resetting: 'is still being reset; it goes on without this command',
};

/** Why it is not live, and what to do. */
export function notLive({ state, detail, failure }: ProjectionStatus): string {
  const why = failure?.error ?? detail;
  const what = WHAT[state];
  return why === null ? what : `${what}: ${why}`;
}
