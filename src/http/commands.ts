import type { CommandRequest } from '../core/command.ts';
import { orAborted } from '../core/deadline.ts';
import type { CommandOutcome } from '../core/status.ts';
import type { DaemonPort } from '../daemon/api.ts';
import type { Log } from './guards.ts';

/** How long the outcome of a command is awaited for the log, where no client waits for it. The command is carried out also after that. */
const LOG_OUTCOME_MS = 600_000;

interface SentCommand {
  readonly id: string;
  /** Rejects as `DaemonPort.outcome` does. The caller need not await it: a rejection is logged, and never unhandled. */
  readonly outcome: Promise<CommandOutcome>;
}

export interface Commands {
  /**
   * @param waitMs 0 where no client waits
   * @returns null when the limit of commands under way is reached
   * @throws what `DaemonPort.submit` does
   */
  send(request: CommandRequest, waitMs: number): Promise<SentCommand | null>;
}

/** Passes commands to the daemon, with a limit of commands under way. */
export function createCommands(options: {
  readonly daemon: Pick<DaemonPort, 'submit' | 'outcome'>;
  readonly log: Log;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  readonly maxUnderWay: number;
}): Commands {
  const { daemon, log, closing, maxUnderWay } = options;
  let underWay = 0;

  async function begin(request: CommandRequest, waitMs: number): Promise<SentCommand> {
    const { name: projection, event, by } = request;
    const { id } = await orAborted(daemon.submit(request), closing);
    const about = { command: id, projection, event, by };
    log.info(about, 'command.received');
    const outcome = follow(about, id, waitMs === 0 ? LOG_OUTCOME_MS : waitMs);
    outcome.catch(() => undefined);
    return { id, outcome };
  }

  async function follow(about: object, id: string, timeoutMs: number): Promise<CommandOutcome> {
    try {
      // The daemon that carries the command out logs its end. That may be another daemon.
      return await orAborted(daemon.outcome(id, { signal: closing, timeoutMs }), closing);
    } catch (error) {
      log.warn({ ...about, err: error }, 'command.failed');
      throw error;
    }
  }

  return {
    async send(request, waitMs) {
      if (underWay >= maxUnderWay) return null;
      underWay += 1;
      const ended = (): void => {
        underWay -= 1;
      };
      const sent = begin(request, waitMs);
      sent.then(({ outcome }) => outcome).then(ended, ended);
      return await sent;
    },
  };
}
