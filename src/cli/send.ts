import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';
import { notLive, untilSettled } from './settled.ts';
import { oneLine, type Terminal } from './terminal.ts';

export interface SendOptions {
  readonly name: string;
  readonly event: OperatorEvent;
  /** SKIP: of the event that failed, in decimal digits; and why. */
  readonly position?: string;
  readonly reason?: string;
  /** One object, in place of words. */
  readonly json?: boolean;
  /** Until it is where the event leads in the end, not only until the event is carried out. */
  readonly wait: boolean;
  /** Of the event itself. Default 60 s. */
  readonly outcomeTimeoutMs?: number;
  /** Of `wait`. Default one hour. */
  readonly liveTimeoutMs?: number;
  /** Between two looks while waiting. Default 250 ms. */
  readonly lookEveryMs?: number;
}

/**
 * `projectionist send`.
 * @returns false when it did not lead where it should; the reason is on stderr
 * @throws RefusedError when the daemon refuses the event, with its words
 */
export async function sendEvent(
  client: DaemonClient,
  options: SendOptions,
  { stdout, stderr }: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const {
    name,
    event,
    wait,
    json = false,
    outcomeTimeoutMs = 60_000,
    liveTimeoutMs = 3_600_000,
    lookEveryMs = 250,
  } = options;
  const { position, reason } = options;
  const command = { type: event, ...(position !== undefined && { position }), ...(reason !== undefined && { reason }) };
  const outcome = await client.send(name, command, outcomeTimeoutMs, signal);
  const { state } = outcome;
  stdout.write(json ? `${JSON.stringify(outcome)}\n` : `${name}: ${event} done, now ${state}\n`);
  const fail = (status: ProjectionStatus): false => {
    stderr.write(`projectionist: ${oneLine(`${name}: ${notLive(status)}`)}\n`);
    return false;
  };
  if (state === 'failed' && !wait) {
    // The attempt was made, and failed again: what was asked for has not happened.
    const status = await client.status(name, signal);
    return status.state === 'failed' ? fail(status) : true;
  }
  if (!wait || event === 'PAUSE') return true;
  const until = performance.now() + liveTimeoutMs;
  const status = await untilSettled(client, name, { everyMs: lookEveryMs, until }, signal);
  if (status.state !== 'live') return fail(status);
  if (!json) stdout.write(`${name}: live\n`);
  return true;
}
