import { setTimeout as wait } from 'node:timers/promises';
import { orLate } from '../../core/deadline.ts';
import { duration, grouped } from '../../core/readable.ts';
import { untilAborted } from '../../core/signals.ts';
import type { ProjectionStatus } from '../../core/status.ts';
import type { DaemonPort } from '../../daemon/api.ts';
import { type Output, oneLine } from '../terminal.ts';

/** Milliseconds between two lines: a terminal shows one line that changes; a file or a log collector must not fill up. */
const TERMINAL_MS = 250;
const PLAIN_MS = 2_000;
/** Milliseconds between two polls at most: a state can change without a transition of this process. */
const POLL_MS = 250;
/** Milliseconds after which an idle projection without a detail counts as paused. */
const BEGUN_MS = 3_000;
/** Milliseconds for one status; the next poll tries again. */
const STATUS_MS = 10_000;

/** Substates of a failed projection that end by themselves: it may be live soon. */
const ATTEMPTS: ReadonlySet<string> = new Set(
  ['retrying', 'attempting', 'backing-off', 'skipping'].map((substate) => `failed.${substate}`),
);

export interface Settled {
  readonly live: number;
  readonly failed: number;
  readonly paused: number;
}

export interface ProgressOptions {
  readonly daemon: Pick<DaemonPort, 'status' | 'onTransition'>;
  readonly stdout: Output;
  readonly signal: AbortSignal;
  /** Milliseconds that only rise. Default `performance.now`. */
  readonly now?: () => number;
  /** Waits; an abort ends the wait without an error. Default: a timer. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Writes the progress of catching up to stdout, then one line `N live, M failed, K paused` when no projection catches up
 * any more. After an error of `status()` the next poll tries again: the database may be unreachable for a moment.
 * @returns the numbers of the last line; null when the signal was aborted before
 */
export async function reportProgress(options: ProgressOptions): Promise<Settled | null> {
  const { daemon, stdout, signal, now = () => performance.now(), pause = pauseTimer } = options;
  const everyMs = stdout.isTTY === true ? TERMINAL_MS : PLAIN_MS;
  let transition = new AbortController();
  const unsubscribe = daemon.onTransition(() => transition.abort());
  const startedAt = now();
  let lastLineAt = Number.NEGATIVE_INFINITY;
  let lastLine = '';
  try {
    while (!signal.aborted) {
      transition = new AbortController();
      const statuses = await poll(daemon, signal);
      const begun = now() - startedAt >= BEGUN_MS;
      if (statuses?.every((status) => isSettled(status, begun))) {
        const settled = count(statuses);
        clearLine(stdout, lastLine);
        stdout.write(`${settled.live} live, ${settled.failed} failed, ${settled.paused} paused\n`);
        return settled;
      }
      if (statuses !== null && now() - lastLineAt >= everyMs) {
        const line = progressLine(statuses);
        if (line !== '') writeLine(stdout, line);
        lastLine = line;
        lastLineAt = now();
      }
      await untilAborted({ signals: [signal, transition.signal] }, (either) => pause(POLL_MS, either));
    }
    clearLine(stdout, lastLine);
    return null;
  } finally {
    unsubscribe();
  }
}

/** `band 12,345/20,000 (61 %) 5,000/s 2 s left` for each projection that is behind; empty when none is. */
export function progressLine(statuses: readonly ProjectionStatus[]): string {
  return statuses
    .filter(({ state, substate }) => state === 'catching-up' || state === 'resetting' || ATTEMPTS.has(substate))
    .map(({ name, state, failure, cursor, head, lagEvents, ratePerSecond, etaSeconds }) => {
      if (state === 'failed') return `${name} tries position ${failure?.position ?? cursor} again`;
      if (state !== 'catching-up') return `${name} ${state}`;
      const all = Number(head);
      if (lagEvents === null) return `${name} ${grouped(Number(cursor))}/?`;
      const percent = all > 0 ? Math.floor(((all - lagEvents) / all) * 100) : 0;
      const parts = [`${name} ${grouped(Number(cursor))}/${grouped(all)} (${percent} %)`];
      if (ratePerSecond > 0) parts.push(`${grouped(ratePerSecond)}/s`);
      if (etaSeconds !== null) parts.push(`${duration(etaSeconds)} left`);
      return parts.join(' ');
    })
    .map(oneLine)
    .join(' | ');
}

async function poll(
  daemon: Pick<DaemonPort, 'status'>,
  signal: AbortSignal,
): Promise<readonly ProjectionStatus[] | null> {
  try {
    return await orLate(daemon.status(), { signals: [signal], ms: STATUS_MS });
  } catch {
    return null;
  }
}

/** An idle projection is paused, or runs in another daemon; its detail says so. Without a detail it may not have begun. */
function isSettled({ state, substate, detail }: ProjectionStatus, begun: boolean): boolean {
  if (state === 'failed') return !ATTEMPTS.has(substate);
  return state === 'live' || (state === 'idle' && (begun || detail !== null));
}

function count(statuses: readonly ProjectionStatus[]): Settled {
  const inState = (state: ProjectionStatus['state']): number =>
    statuses.filter((status) => status.state === state).length;
  return { live: inState('live'), failed: inState('failed'), paused: inState('idle') };
}

/** On a terminal the line overwrites the last one. It is cut to the width: a wrapped line cannot be overwritten. */
function writeLine(stdout: Output, line: string): void {
  if (stdout.isTTY !== true) stdout.write(`${line}\n`);
  else stdout.write(`\r\x1b[2K${line.slice(0, (stdout.columns ?? 80) - 1)}`);
}

function clearLine(stdout: Output, lastLine: string): void {
  if (stdout.isTTY === true && lastLine !== '') stdout.write('\r\x1b[2K');
}

async function pauseTimer(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
