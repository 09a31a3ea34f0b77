import type { CommandRequest } from '../core/command.ts';
import { orAborted } from '../core/deadline.ts';
import type { CommandOutcome } from '../core/status.ts';
import type { DaemonPort } from '../daemon/api.ts';
import type { Log } from './guards.ts';

/** How long a command that nobody waits for is followed, for the log; it is carried out also after that. */
const UNWATCHED_MS = 600_000;

interface SentCommand {
  readonly id: string;
  /** Rejects as `DaemonPort.outcome` does. Need not be waited for: a rejection is logged, and never unhandled. */
  readonly outcome: Promise<CommandOutcome>;
}

export interface Commands {
  /**
   * @param waitMs 0 where nobody waits
   * @returns null when as many are under way as may be
   * @throws what `DaemonPort.submit` does
   */
  send(request: CommandRequest, waitMs: number): Promise<SentCommand | null>;
}

/** Hands commands to the daemon, so many under way at most. */
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
    const outcome = follow(about, id, waitMs === 0 ? UNWATCHED_MS : waitMs);
    outcome.catch(() => undefined);
    return { id, outcome };
  }

  async function follow(about: object, id: string, timeoutMs: number): Promise<CommandOutcome> {
    try {
      // How it ended is logged by the daemon that carries it out, which need not be this one.
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
