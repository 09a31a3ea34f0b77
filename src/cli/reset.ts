import type { ProjectionStatus } from '../core/status.ts';
import { type DaemonClient, RefusedError } from './client.ts';
import type { Confirm } from './confirm.ts';
import { notLive, untilSettled } from './settled.ts';
import { oneLine, type Terminal } from './terminal.ts';

export interface ResetOptions {
  /** Undefined: all of them. */
  readonly name: string | undefined;
  /** Until live again, not only until the reset is done. */
  readonly wait: boolean;
  /** An object a line, in place of words. */
  readonly json?: boolean;
  /** Asked before anything is emptied; null or left out: nothing is asked. */
  readonly confirm?: Confirm | null;
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
  const {
    name,
    wait,
    json = false,
    confirm = null,
    resetTimeoutMs = 60_000,
    liveTimeoutMs = 3_600_000,
    lookEveryMs = 250,
  } = options;
  const statuses = name === undefined || confirm !== null ? await client.statuses(signal) : [];
  const names = name === undefined ? [...new Set(statuses.map((status) => status.name))] : [name];
  if (confirm !== null && !(await confirm(questionOf(names, statuses), signal))) {
    stderr.write('projectionist: nothing was reset\n');
    return false;
  }
  const waitFor: string[] = [];
  let failed = false;
  const fail = (which: string, reason: string): void => {
    failed = true;
    stderr.write(`projectionist: ${oneLine(`${which}: ${reason}`)}\n`);
  };
  for (const each of names) {
    try {
      const outcome = await client.send(each, { type: 'RESET' }, resetTimeoutMs, signal);
      const { state, warning } = outcome;
      stdout.write(json ? `${JSON.stringify(outcome)}\n` : `${each}: reset, now ${state}\n`);
      if (warning !== undefined) stderr.write(`projectionist: ${oneLine(`${each}: ${warning}`)}\n`);
      waitFor.push(each);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      fail(each, error.message);
    }
  }
  const lookUntil = performance.now() + liveTimeoutMs;
  for (const each of wait ? waitFor : []) {
    const status = await untilSettled(client, each, { everyMs: lookEveryMs, until: lookUntil }, signal);
    if (status.state === 'live') stdout.write(json ? `${JSON.stringify(status)}\n` : `${each}: live\n`);
    else fail(each, notLive(status));
  }
  return !failed;
}

/** Names what is lost: a person may have another database in mind. */
function questionOf(names: readonly string[], statuses: readonly ProjectionStatus[]): string {
  const tables = [...new Set(statuses.filter(({ name }) => names.includes(name)).flatMap((status) => status.tables))];
  const which = names.length === 1 ? names.join() : `all ${names.length} projections`;
  return `Reset ${oneLine(which)}? Every row of ${oneLine(tables.join(', ') || 'its tables')} is deleted, and made anew from the events.`;
}
