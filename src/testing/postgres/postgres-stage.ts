import { EngineError } from '../../core/errors.ts';
import { resolvePolicy } from '../../core/failure-policy.ts';
import { silentLog } from '../../core/log.ts';
import type { ProjectionOperations } from '../../core/port.ts';
import type { Projection } from '../../core/projection.ts';
import { tableOwners } from '../../core/table-owners.ts';
import { flush } from '../../daemon/checkpoint-flush.ts';
import { createProjectionOperations } from '../../daemon/projection-operations.ts';
import { append } from '../../event-store/append.ts';
import { createHighWaterMarkReader } from '../../event-store/high-water-mark.ts';
import { createHighWaterMarkCache } from '../../projector/high-water-mark-cache.ts';
import { Progress } from '../../projector/progress.ts';
import { ProjectionRunner } from '../../projector/run-loop.ts';
import { readHeartbeat } from '../../state/heartbeat.ts';
import type { Stage } from '../stage.ts';
import type { Ground, Grounds } from './ground.ts';

const OWNER = 'test';

interface Way {
  readonly name: string;
  readonly pageSize: number | null;
  readonly foldFrom: number;
}

/** The two ways in which the engine applies events: each in a page of its own, or together as set-based statements. */
export const WAYS: readonly [Way, Way] = [
  { name: 'one by one', pageSize: 1, foldFrom: Number.POSITIVE_INFINITY },
  { name: 'folded', pageSize: null, foldFrom: 1 },
];

/** The engine's own store, hands and tables. Stages of the same grounds share the tables: use one at a time. */
export function createPostgresStage(grounds: Grounds, way: Way): Stage {
  let ground: Ground | null = null;
  let operations: ReadonlyMap<Projection, ProjectionOperations> = new Map();
  const opened = (): Ground => {
    if (ground === null) throw new EngineError('TEST_INVALID', { reason: 'the stage has not been opened' });
    return ground;
  };
  return {
    name: way.name,
    open: async (projections, { maxAttempts = 1 } = {}) => {
      ground = await grounds.of(projections);
      await ground.empty();
      operations = createAllOperations(ground, projections, way, maxAttempts);
    },
    append: async (events) => {
      await append(opened().sql, events);
    },
    operations: (projection) => {
      const found = operations.get(projection);
      if (found !== undefined) return found;
      throw new EngineError('TEST_INVALID', { reason: `'${projection.name}' is not one of its projections` });
    },
    rows: (table) => opened().rows.read(table),
    toRows: (table, values) => opened().rows.asRead(table, values),
  };
}

/** Put together as the daemon does it: nothing stands in for a part of the engine. */
function createAllOperations(
  { sql, control }: Ground,
  projections: readonly Projection[],
  { pageSize, foldFrom }: Way,
  maxAttempts: number,
): ReadonlyMap<Projection, ProjectionOperations> {
  const owners = tableOwners(projections);
  const policy = resolvePolicy({ retries: maxAttempts - 1 });
  const settings = { sql, control, owner: OWNER, owners, policy, foldFrom };
  const highWaterMark = createHighWaterMarkCache(
    createHighWaterMarkReader(control),
    () => readHeartbeat(control),
    [],
    () => undefined,
  );
  const now = () => performance.now();
  const workers = new Map<string, { readonly runner: ProjectionRunner }>();
  const all = new Map<Projection, ProjectionOperations>();
  for (const projection of projections) {
    const progress = new Progress(now);
    const runner = new ProjectionRunner({
      projection,
      settings,
      reader: sql,
      highWaterMark,
      pageSize,
      progress,
      log: silentLog,
      now,
    });
    workers.set(projection.name, { runner });
    const onReset = () => undefined;
    const operations = createProjectionOperations({
      projection,
      projections,
      runner,
      settings,
      log: silentLog,
      onReset,
    });
    const run: ProjectionOperations['run'] = async (mode, signal) => {
      const outcome = await operations.run(mode, signal);
      // The daemon's timer does this within a second; look-ups of others wait for it.
      await flush(workers, { sql, owner: OWNER, onTakenBack: () => undefined, log: silentLog });
      return outcome;
    };
    all.set(projection, { ...operations, run });
  }
  return all;
}
