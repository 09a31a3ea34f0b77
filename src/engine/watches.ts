import type { TableOwners } from '../core/table-owners.ts';
import { createAuditor } from '../store/audit.ts';
import { checkStore } from '../store/checks.ts';
import { readPlaces } from '../store/state.ts';
import type { Worker } from './actors.ts';
import { checkTables } from './check-tables.ts';
import type { DaemonOptions } from './daemon-options.ts';
import { haltWebhook } from './halt-webhook.ts';
import { Halts } from './halts.ts';
import type { Heads } from './heads.ts';
import type { Log } from './log.ts';
import type { Pools } from './pools.ts';
import { createRowWatch, type RowWatch } from './row-watch.ts';
import type { ProjectionSnapshot } from './status.ts';
import { createStoreWatch, type StoreWatch } from './store-watch.ts';
import { TransitionLog } from './transition-log.ts';
import { Waits } from './waits.ts';

/** What goes on beside the projections while a daemon runs. */
export interface Watches {
  readonly store: StoreWatch;
  readonly rows: RowWatch;
  readonly waits: Waits;
  readonly transitions: TransitionLog;
  readonly halts: Halts;
}

export interface WatchesOptions {
  readonly daemon: Pick<DaemonOptions, 'notify' | 'onHalt' | 'haltWebhookUrl'>;
  readonly id: string;
  readonly pools: Pools;
  readonly names: readonly string[];
  readonly owners: TableOwners;
  readonly workers: ReadonlyMap<string, Worker>;
  readonly heads: Heads;
  readonly snapshot: (name: string) => ProjectionSnapshot | null;
  /** Has a projection's machine read its row again. */
  readonly reopen: (name: string) => void;
  readonly log: Log;
}

export function createWatches(options: WatchesOptions): Watches {
  const { daemon, id, pools, names, owners, workers, heads, snapshot, reopen, log } = options;
  const { notify = true, onHalt, haltWebhookUrl } = daemon;
  return {
    store: createStoreWatch({
      auditor: createAuditor(pools.reader),
      check: async () => {
        await checkStore(pools.reader, { notify });
        await checkTables(pools.reader, owners);
      },
      log,
    }),
    rows: createRowWatch({ sql: pools.views, workers, snapshot, reopen, log }),
    waits: new Waits({
      names,
      read: (which) => readPlaces(pools.views, which),
      scanned: (name, generation) => workers.get(name)?.puller.scanned(generation) ?? 0n,
      heads,
      log,
    }),
    transitions: new TransitionLog({ sql: pools.views, log }),
    halts: new Halts({
      sql: pools.views,
      id,
      receivers: {
        ...(onHalt !== undefined && { onHalt }),
        ...(typeof haltWebhookUrl === 'string' && { webhook: haltWebhook(haltWebhookUrl) }),
      },
      historyCode: (name) => workers.get(name)?.puller.historyCode ?? null,
      log,
    }),
  };
}
