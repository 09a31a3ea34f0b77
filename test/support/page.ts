import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Projection } from '../../src/core/projection.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { CrashLoopGuard } from '../../src/projector/crash-loop-guard.ts';
import type { PageSettings } from '../../src/projector/page-request.ts';
import { Progress } from '../../src/projector/progress.ts';
import { ProjectionRunner } from '../../src/projector/run-loop.ts';

/** What a page of this projection is applied with: one attempt, never folded. */
export function pageSettings(sql: Sql, projection: Projection, more: Partial<PageSettings> = {}): PageSettings {
  return {
    sql,
    owner: 'test',
    owners: tableOwners([projection]),
    policy: HALT_AT_ONCE,
    control: sql,
    foldFrom: Number.POSITIVE_INFINITY,
    ...more,
  };
}

/** The loop of one projection without machine and feed: a test pulls, and moves the head by hand. */
export function runnerByHand(
  sql: Sql,
  projection: Projection,
  options: {
    readonly settings?: Partial<PageSettings>;
    readonly pageSize?: number;
    readonly progress?: Progress;
    readonly crashLoopGuard?: CrashLoopGuard | undefined;
    readonly reader?: Sql;
  } = {},
) {
  let head = 0n;
  let epoch = 0;
  const now = () => performance.now();
  const runner = new ProjectionRunner({
    projection,
    settings: pageSettings(sql, projection, options.settings),
    reader: options.reader ?? sql,
    highWaterMark: {
      latest: () => head,
      refresh: async () => head,
      recent: () => null,
      idAt: () => null,
      passed: () => undefined,
      forget: () => undefined,
      epoch: () => epoch,
    },
    pageSize: options.pageSize ?? 100,
    progress: options.progress ?? new Progress(now),
    ...(options.crashLoopGuard !== undefined && { crashLoopGuard: options.crashLoopGuard }),
    log: silentLog,
    now,
  });
  return {
    runner,
    run: () => runner.run('catch-up', new AbortController().signal),
    headIs: (position: bigint) => {
      head = position;
    },
    /** A connection was lost, so what was read before may have been taken back. */
    lost: () => {
      epoch += 1;
    },
  };
}
