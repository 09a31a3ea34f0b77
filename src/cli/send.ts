import type { OperatorEvent } from '../core/operator-commands/command-registry.ts';
import type { ProjectionStatus } from '../core/status.ts';
import type { DaemonClient } from './client.ts';
import { notLive, untilSettled } from './settled.ts';
import { oneLine, type Terminal } from './terminal.ts';

export interface SendOptions {
  readonly name: string;
  readonly event: OperatorEvent;
  /** SKIP: position of the failed event, in decimal digits. */
  readonly position?: string;
  /** SKIP: why, for the record. */
  readonly reason?: string;
  /** Write one JSON object instead of text. */
  readonly json?: boolean;
  /** Wait until the projection is live, not only until the command is done. */
  readonly wait: boolean;
  /** Milliseconds for the command itself. Default 60 s. */
  readonly outcomeTimeoutMs?: number;
  /** Milliseconds for `wait`. Default one hour. */
  readonly liveTimeoutMs?: number;
  /** Milliseconds between two polls while waiting. Default 250. */
  readonly pollEveryMs?: number;
}

/**
 * Sends a command to a projection, and writes how it ended.
 * @returns false when the projection did not become what the command is for; the reason is on stderr
 * @throws RefusedError when the daemon refuses the command, with the message of the daemon
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
    pollEveryMs = 250,
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
    // The daemon has made the attempt, and the event has failed again.
    const status = await client.status(name, signal);
    return status.state === 'failed' ? fail(status) : true;
  }
  if (!wait || event === 'PAUSE') return true;
  const until = performance.now() + liveTimeoutMs;
  const status = await untilSettled(client, name, { everyMs: pollEveryMs, until }, signal);
  if (status.state !== 'live') return fail(status);
  if (!json) stdout.write(`${name}: live\n`);
  return true;
}
