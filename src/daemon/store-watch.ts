import { isEngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Auditor } from '../event-store/late-arrivals.ts';

export interface StoreWatchOptions {
  readonly auditor: Auditor;
  /** The checks of the start. @throws EngineError */
  readonly check: () => Promise<void>;
  readonly log: Log;
}

/** Checks the store while the daemon runs: what the high-water mark depends on can be changed by hand at any time. */
export interface StoreWatch {
  /** Called with every scheduled poll, right after its high-water mark was read. Never rejects. One at a time; for a poll that is due meanwhile only the check runs. */
  poll(head: bigint): Promise<void>;
  /** Checks now, after a refused poll or the first successful one after it. Never rejects. Called during a check, it runs once more after it. */
  examine(): Promise<void>;
  /** The present problem of the store, for the status of every projection; null if there is none. */
  problem(): string | null;
  /** After a lost connection. */
  forget(): void;
}

/** No alarm: after a payload was masked for good reasons, not every projection must need a reset. */
const CHANGED =
  'an event was changed in place: projections that had passed it keep what they made of the old one until a reset';

export function createStoreWatch({ auditor, check, log }: StoreWatchOptions): StoreWatch {
  let problem: string | null = null;
  let running = false;
  /** `examine` was called during a check, which may have read an older state. */
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
