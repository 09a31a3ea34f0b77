import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Projection } from '../../src/core/projection.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import { PROJECTOR_PORTS } from '../../src/daemon/actors.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { CrashLoopGuard } from '../../src/projector/crash-loop-guard.ts';
import type { HighWaterMarkSource } from '../../src/projector/high-water-mark-source.ts';
import type { PageSettings } from '../../src/projector/page-request.ts';
import { Progress } from '../../src/projector/progress.ts';
import { ProjectionRunner } from '../../src/projector/run-loop.ts';

interface RunnerSettings {
  readonly settings?: Partial<PageSettings>;
  readonly pageSize?: number;
  readonly progress?: Progress;
  readonly crashLoopGuard?: CrashLoopGuard | undefined;
  readonly reader?: Sql;
}

/** The settings of a page of this projection: one attempt, never folded. */
export function pageSettings(sql: Sql, projection: Projection, more: Partial<PageSettings> = {}): PageSettings {
  return {
    sql,
    owner: 'test',
    owners: tableOwners([projection]),
    policy: HALT_AT_ONCE,
    control: sql,
    ...PROJECTOR_PORTS,
    foldFrom: Number.POSITIVE_INFINITY,
    ...more,
  };
}

/** The run loop of one projection without a daemon, on pages of ten events, which are folded. */
export function createRunner(
  sql: Sql,
  projection: Projection,
  highWaterMark: HighWaterMarkSource,
  options: RunnerSettings = {},
): ProjectionRunner {
  const now = () => performance.now();
  return new ProjectionRunner({
    projection,
    settings: pageSettings(sql, projection, options.settings ?? { foldFrom: 10 }),
    reader: options.reader ?? sql,
    highWaterMark,
    pageSize: options.pageSize ?? 10,
    progress: options.progress ?? new Progress(now),
    ...(options.crashLoopGuard !== undefined && { crashLoopGuard: options.crashLoopGuard }),
    log: silentLog,
    now,
  });
}

/** The run loop of one projection without machine and feed: the test starts each run, and sets the high-water mark. */
export function runnerByHand(sql: Sql, projection: Projection, options: RunnerSettings = {}) {
  let head = 0n;
  let epoch = 0;
  const highWaterMark = {
    latest: () => head,
    refresh: async () => head,
    recent: () => null,
    idAt: () => null,
    passed: () => undefined,
    invalidate: () => undefined,
    epoch: () => epoch,
  };
  const runner = createRunner(sql, projection, highWaterMark, { settings: {}, pageSize: 100, ...options });
  return {
    runner,
    run: () => runner.run('catch-up', new AbortController().signal),
    headIs: (position: bigint) => {
      head = position;
    },
    /** A connection was lost, so the server may have lost what was read before. */
    lost: () => {
      epoch += 1;
    },
  };
}
