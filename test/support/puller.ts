import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { silentLog } from '../../src/core/log.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import type { Projection } from '../../src/index.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import type { HeadSource } from '../../src/projector/head-source.ts';
import { Progress } from '../../src/projector/progress.ts';
import { Puller } from '../../src/projector/run-loop.ts';

/** The loop of one projection without a daemon around it, ten events a page. */
export function createPuller(sql: Sql, projection: Projection, heads: HeadSource): Puller {
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
  return new Puller({ projection, settings, reader: sql, heads, pageSize: 10, progress, log: silentLog, now });
}
