import { isEngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Auditor } from '../event-store/late-arrivals.ts';

export interface StoreWatchOptions {
  readonly auditor: Auditor;
  /** What the start checks too. @throws EngineError */
  readonly check: () => Promise<void>;
  readonly log: Log;
}

/** Looks after the store while the daemon runs: what the safe head rests on can be undone by hand at any time. */
export interface StoreWatch {
  /** On every scheduled poll, right after its head was read. Never rejects; one at a time, of one that is due meanwhile only the check runs. */
  poll(head: bigint): Promise<void>;
  /** Now, for a poll was refused, or the first one after that went well. Never rejects; asked for during a check, it runs once more after it. */
  examine(): Promise<void>;
  /** What is wrong with the store now, for every projection's status; null when it is as it has to be. */
  problem(): string | null;
  /** After a lost connection. */
  forget(): void;
}

/** No alarm: whoever masks a payload for good reasons must not find every projection in need of a reset. */
const CHANGED =
  'an event was changed in place: projections that had passed it keep what they made of the old one until a reset';

export function createStoreWatch({ auditor, check, log }: StoreWatchOptions): StoreWatch {
  let problem: string | null = null;
  let running = false;
  /** Asked for while a check was under way, which may have read what has changed since. */
  let again = false;

  function found(now: string | null): void {
    if (now !== null && now !== problem) log.error({ problem: now }, 'the event store is not as it has to be');
    if (now === null && problem !== null) log.info({ problem }, 'the event store is as it has to be again');
    problem = now;
  }

  async function guarded(work: () => Promise<void>): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    try {
      await work();
      await check();
      found(null);
    } catch (error) {
      if (isEngineError(error)) found(error.message);
      else log.warn({ err: error }, 'the store could not be checked, tried again on schedule');
    } finally {
      running = false;
      if (again) void guarded(async () => undefined);
    }
  }

  async function audit(head: bigint): Promise<void> {
    // First: it remembers what can be seen with this head, and should do so at once.
    for (const { kind, id, name, ...late } of await auditor.poll(head)) {
      const about = { position: String(late.position), event: id, name, head: String(late.head), kind };
      if (kind === 'changed') log.warn(about, CHANGED);
      else log.error(about, 'an event appeared below the head: projections that had passed it need a reset');
    }
  }

  return {
    poll: (head) => guarded(() => audit(head)),
    examine: () => guarded(async () => undefined),
    problem: () => problem,
    forget: () => auditor.forget(),
  };
}
