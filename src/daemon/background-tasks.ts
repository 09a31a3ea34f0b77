import type { ProjectionSnapshot } from '../../machines/state-names.ts';
import type { Log } from '../core/log.ts';
import type { TableOwners } from '../core/table-owners.ts';
import { checkStore } from '../event-store/checks.ts';
import { createAuditor } from '../event-store/late-arrivals.ts';
import { readReplaced } from '../event-store/table-ids.ts';
import type { HighWaterMarkCache } from '../projector/high-water-mark-cache.ts';
import { readCursors } from '../state/projection-state.ts';
import { refuseOverlapping } from '../state/refusal.ts';
import type { Worker } from './actors.ts';
import type { Transition } from './api.ts';
import { BackingOffs } from './backing-off.ts';
import { checkTables } from './check-tables.ts';
import type { CheckpointFlushOptions } from './checkpoint-flush.ts';
import { HaltNotifier } from './halt-notifier.ts';
import { haltWebhook } from './halt-webhook.ts';
import type { DaemonOptions } from './options.ts';
import type { Pools } from './pools.ts';
import { createRowWatch, type RowWatch } from './state-watch.ts';
import { createStoreWatch, type StoreWatch } from './store-watch.ts';
import { TransitionLog } from './transition-log.ts';
import { Waits } from './wait-for-position.ts';
import { WakeupDispatcher } from './wakeup-dispatch.ts';

/** What goes on beside the projections while a daemon runs. */
export interface BackgroundTasks {
  readonly store: StoreWatch;
  readonly rows: RowWatch;
  readonly waits: Waits;
  readonly transitions: TransitionLog;
  readonly halts: HaltNotifier;
  readonly dispatcher: WakeupDispatcher;
  readonly idle: CheckpointFlushOptions;
  readonly backingOff: BackingOffs;
  /** A projection has changed its state. */
  readonly heard: (change: Transition) => void;
  /** Once a second. */
  readonly check: () => void;
}

export interface BackgroundTasksOptions {
  readonly daemon: Pick<DaemonOptions, 'projections' | 'notify' | 'onHalt' | 'haltWebhookUrl'>;
  readonly id: string;
  readonly pools: Pools;
  readonly names: readonly string[];
  readonly owners: TableOwners;
  readonly workers: ReadonlyMap<string, Worker>;
  readonly highWaterMark: HighWaterMarkCache;
  readonly snapshot: (name: string) => ProjectionSnapshot | null;
  readonly wake: (name: string) => void;
  /** Has a projection's machine read its row again. */
  readonly reopen: (name: string) => void;
  readonly log: Log;
}

export function startBackgroundTasks(options: BackgroundTasksOptions): BackgroundTasks {
  const { daemon, id, pools, names, workers, highWaterMark, owners, snapshot, wake, reopen, log } = options;
  const { projections, notify = true, onHalt, haltWebhookUrl } = daemon;
  const waits = new Waits({
    names,
    read: (which) => readCursors(pools.views, which),
    scanned: (name, generation) => workers.get(name)?.runner.checkpoint.readPositionIn(generation) ?? 0n,
    highWaterMark,
    log,
  });
  const store = createStoreWatch({
    auditor: createAuditor(pools.reader),
    check: async () => {
      // First: where the store is gone, nothing else can be read.
      await checkStore(pools.reader, { notify });
      // A projection with nothing to apply would not compare its tables.
      for (const { name, refused } of await readReplaced(pools.reader, names)) if (!refused) reopen(name);
      for (const name of await refuseOverlapping(pools.control)) if (workers.has(name)) reopen(name);
      await checkTables(pools.reader, owners);
    },
    log,
  });
  const rows = createRowWatch({ sql: pools.views, workers, snapshot, reopen, log });
  const furthest = (name: string) => workers.get(name)?.runner.checkpoint.readPosition ?? 0n;
  const backingOff = new BackingOffs({ furthest, now: () => Date.now(), log });
  const transitions = new TransitionLog({ sql: pools.views, log });
  const halts = new HaltNotifier({
    sql: pools.views,
    id,
    receivers: {
      ...(onHalt !== undefined && { onHalt }),
      ...(typeof haltWebhookUrl === 'string' && { webhook: haltWebhook(haltWebhookUrl) }),
    },
    historyCode: (name) => workers.get(name)?.runner.historyCode ?? null,
    log,
  });
  return {
    store,
    rows,
    waits,
    dispatcher: new WakeupDispatcher({ projections, workers, highWaterMark, wake, onPassed: () => waits.check() }),
    idle: { sql: pools.views, owner: id, onTakenBack: highWaterMark.invalidate, log },
    backingOff,
    transitions,
    halts,
    heard: (change) => {
      if (change.to === 'idle.paused' || change.to === 'failed.halted') rows.markUnsettled();
      if (change.news) transitions.note({ ...change, position: String(furthest(change.name)), daemon: id });
      halts.heard(change);
      backingOff.heard(change);
    },
    check: () => backingOff.check(),
  };
}
