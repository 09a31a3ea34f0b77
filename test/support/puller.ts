import { HALT_AT_ONCE } from '../../src/core/failure-policy.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import type { HeadSource } from '../../src/engine/head-source.ts';
import { silentLog } from '../../src/engine/log.ts';
import { Progress } from '../../src/engine/progress.ts';
import { Puller } from '../../src/engine/puller.ts';
import type { Projection } from '../../src/index.ts';
import type { Sql } from '../../src/store/connect.ts';

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
