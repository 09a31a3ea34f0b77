import { setTimeout as pause } from 'node:timers/promises';
import type { ProjectionStatus } from '../core/status.ts';
import { type DaemonClient, RefusedError } from './client.ts';
import { oneLine, type Terminal } from './terminal.ts';

export interface ResetOptions {
  /** Undefined: all of them. */
  readonly name: string | undefined;
  /** Until live again, not only until the reset is done. */
  readonly wait: boolean;
  /** Of the reset itself. Default 60 s. */
  readonly resetTimeoutMs?: number;
  /** Until live again. Default one hour. */
  readonly liveTimeoutMs?: number;
  /** Between two looks while waiting. Default 250 ms. */
  readonly lookEveryMs?: number;
}

/**
 * `projectionist reset`: with several, one that fails does not keep the others from being reset.
 * @returns false when one failed; the reason is on stderr
 */
export async function resetProjections(
  client: DaemonClient,
  options: ResetOptions,
  { stdout, stderr }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, wait, resetTimeoutMs = 60_000, liveTimeoutMs = 3_600_000, lookEveryMs = 250 } = options;
  const names =
    name === undefined ? [...new Set((await client.statuses(signal)).map((status) => status.name))] : [name];
  const waitFor: string[] = [];
  let failed = false;
  const fail = (which: string, reason: string): void => {
    failed = true;
    stderr.write(`projectionist: ${oneLine(`${which}: ${reason}`)}\n`);
  };
  for (const each of names) {
    try {
      const { state, warning } = await client.send(each, 'RESET', resetTimeoutMs, signal);
      stdout.write(`${each}: reset, now ${state}\n`);
      if (warning !== undefined) stderr.write(`projectionist: ${oneLine(`${each}: ${warning}`)}\n`);
      waitFor.push(each);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      fail(each, error.message);
    }
  }
  const lookUntil = performance.now() + liveTimeoutMs;
  for (const each of wait ? waitFor : []) {
    const status = await settled(client, each, { everyMs: lookEveryMs, until: lookUntil }, signal);
    if (status.state === 'live') stdout.write(`${each}: live\n`);
    else fail(each, notLive(status));
  }
  return !failed;
}

/** The last status seen, when it takes longer. */
async function settled(
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

function notLive({ state, detail, failure }: ProjectionStatus): string {
  const why = failure?.error ?? detail;
  const what = WHAT[state];
  return why === null ? what : `${what}: ${why}`;
}
