import { EngineError } from '../../core/errors.ts';
import { resolvePolicy } from '../../core/failure-policy.ts';
import { silentLog } from '../../core/log.ts';
import type { ProjectionOperations } from '../../core/port.ts';
import type { Projection } from '../../core/projection.ts';
import { tableOwners } from '../../core/table-owners.ts';
import { PROJECTOR_PORTS } from '../../daemon/actors.ts';
import { flush } from '../../daemon/checkpoint-flush.ts';
import { createProjectionOperations } from '../../daemon/projection-operations.ts';
import { append } from '../../event-store/append.ts';
import { createHighWaterMarkReader } from '../../event-store/high-water-mark.ts';
import { createHighWaterMarkCache } from '../../projector/high-water-mark-cache.ts';
import { Progress } from '../../projector/progress.ts';
import { ProjectionRunner } from '../../projector/run-loop.ts';
import { readHeartbeat } from '../../state/heartbeat.ts';
import type { Backend } from '../backend.ts';
import type { TestSchema, TestSchemas } from './test-schema.ts';

const OWNER = 'test';

interface ApplyMode {
  readonly name: string;
  readonly pageSize: number | null;
  readonly foldFrom: number;
}

/** The two modes in which the engine applies events: each in a page of its own, or together as set-based statements. */
export const APPLY_MODES: readonly [ApplyMode, ApplyMode] = [
  { name: 'one by one', pageSize: 1, foldFrom: Number.POSITIVE_INFINITY },
  { name: 'folded', pageSize: null, foldFrom: 1 },
];

/** A backend on the engine's own event store, operations and tables. Backends of the same schemas share the tables: use one at a time. */
export function createPostgresBackend(schemas: TestSchemas, mode: ApplyMode): Backend {
  let testSchema: TestSchema | null = null;
  let operations: ReadonlyMap<Projection, ProjectionOperations> = new Map();
  const currentSchema = (): TestSchema => {
    if (testSchema === null) throw new EngineError('TEST_INVALID', { reason: 'the backend has not been opened' });
    return testSchema;
  };
  return {
    name: mode.name,
    open: async (projections, { maxAttempts = 1 } = {}) => {
      testSchema = await schemas.of(projections);
      await testSchema.empty();
      operations = createAllOperations(testSchema, projections, mode, maxAttempts);
    },
    append: async (events) => {
      await append(currentSchema().sql, events);
    },
    operations: (projection) => {
      const found = operations.get(projection);
      if (found !== undefined) return found;
      throw new EngineError('TEST_INVALID', { reason: `'${projection.name}' is not one of its projections` });
    },
    rows: (table) => currentSchema().rows.read(table),
    toRows: (table, values) => currentSchema().rows.asRead(table, values),
  };
}

/** Composes the operations as the daemon does; no part of the engine is replaced. */
function createAllOperations(
  { sql, control }: TestSchema,
  projections: readonly Projection[],
  { pageSize, foldFrom }: ApplyMode,
  maxAttempts: number,
): ReadonlyMap<Projection, ProjectionOperations> {
  const owners = tableOwners(projections);
  const policy = resolvePolicy({ retries: maxAttempts - 1 });
  const settings = { ...PROJECTOR_PORTS, sql, control, owner: OWNER, owners, policy, foldFrom };
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
      // In the daemon a timer flushes within a second. Look-ups by other projections wait for the stored position.
      await flush(workers, { sql, owner: OWNER, onTakenBack: () => undefined, log: silentLog });
      return outcome;
    };
    all.set(projection, { ...operations, run });
  }
  return all;
}
