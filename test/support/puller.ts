import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { silentLog } from '../../src/core/log.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import type { Projection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { HighWaterMarkSource } from '../../src/projector/high-water-mark-source.ts';
import { Progress } from '../../src/projector/progress.ts';
import { ProjectionRunner } from '../../src/projector/run-loop.ts';

/** The loop of one projection without a daemon around it, ten events a page. */
export function createRunner(sql: Sql, projection: Projection, highWaterMark: HighWaterMarkSource): ProjectionRunner {
  const now = () => performance.now();
  const settings = {
    sql,
    owner: 'test',
    owners: tableOwners([projection]),
    policy: HALT_AT_ONCE,
    control: sql,
    foldFrom: 10,
  };
  const progress = new Progress(now);
  return new ProjectionRunner({
    projection,
    settings,
    reader: sql,
    highWaterMark,
    pageSize: 10,
    progress,
    log: silentLog,
    now,
  });
}
