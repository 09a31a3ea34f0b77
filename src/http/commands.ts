import { randomUUID, type UUID } from 'node:crypto';
import { orAborted } from '../core/deadline.ts';
import type { CommandOutcome, OperatorEvent } from '../core/status.ts';
import type { DaemonPort } from '../engine/daemon-port.ts';
import type { Log } from './guards.ts';

/** How long a command that nobody waits for may take before it is given up. */
const UNWATCHED_MS = 600_000;

interface SentCommand {
  readonly id: UUID;
  /** Rejects as `DaemonPort.send` does. Need not be waited for: what becomes of it is logged, and never unhandled. */
  readonly outcome: Promise<CommandOutcome>;
}

export interface Commands {
  /** Null when as many are under way as may be. */
  send(
    name: string,
    event: OperatorEvent,
    options: { readonly waitMs: number; readonly remote: string },
  ): SentCommand | null;
}

/** Sends commands to the daemon, so many at once at most, and logs what becomes of each. */
export function createCommands(options: {
  readonly daemon: Pick<DaemonPort, 'send'>;
  readonly log: Log;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  readonly maxUnderWay: number;
}): Commands {
  const { daemon, log, closing, maxUnderWay } = options;
  let underWay = 0;

  async function carryOut(
    about: object,
    name: string,
    event: OperatorEvent,
    timeoutMs: number,
  ): Promise<CommandOutcome> {
    underWay += 1;
    try {
      const outcome = await orAborted(daemon.send(name, event, { signal: closing, timeoutMs }), closing);
      log.info({ ...about, outcome }, 'command.ended');
      return outcome;
    } catch (error) {
      log.warn({ ...about, err: error }, 'command.failed');
      throw error;
    } finally {
      underWay -= 1;
    }
  }

  return {
    send(name, event, { waitMs, remote }) {
      if (underWay >= maxUnderWay) return null;
      const id = randomUUID();
      const about = { command: id, projection: name, event, remote };
      log.info(about, 'command.received');
      const outcome = carryOut(about, name, event, waitMs === 0 ? UNWATCHED_MS : waitMs);
      outcome.catch(() => undefined);
      return { id, outcome };
    },
  };
}
