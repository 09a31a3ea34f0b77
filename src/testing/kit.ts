import { EngineError } from '../core/errors.ts';
import type { EventShape, Projection } from '../core/projection.ts';
import type { Backend } from './backend.ts';
import { readCapsule } from './capsule/read-capsule.ts';
import { replayOnPostgres } from './capsule/replay-on-postgres.ts';
import type { Replay } from './capsule/replayed.ts';
import { createMemoryBackend } from './memory/memory-backend.ts';
import { createOwnDatabase, type OwnDatabase } from './postgres/own-database.ts';
import { APPLY_MODES, createPostgresBackend } from './postgres/postgres-backend.ts';
import { createTestSchemas, type TestSchema } from './postgres/test-schema.ts';
import { inTestTransaction, type TestTransaction } from './postgres/test-transaction.ts';
import { createSpec, type Spec, type SpecOptions } from './spec.ts';
import type { Runner } from './spec-then.ts';
import type { EventOf } from './test-event.ts';
import { createTimedMutex } from './timed-mutex.ts';

export interface TestKitOptions {
  /**
   * URL of a PostgreSQL whose user may create databases. Default: TEST_DATABASE_URL; without it a private server is
   * started, which takes about two seconds.
   */
  readonly database?: string;
  /** DDL that runs before that of the projections: extensions, types, tables of others. Default none. */
  readonly schema?: string;
  /** Further schemas that contain extensions, as EXTENSION_SCHEMAS of the daemon. Default none. */
  readonly extensionSchemas?: readonly string[];
  /** Time limit of one test, in milliseconds. Default 30000. */
  readonly timeoutMs?: number;
}

/** Tests projections on PostgreSQL. The caller closes it after the last test. */
export interface TestKit extends AsyncDisposable {
  for<E extends EventShape, Others extends readonly Projection[] = readonly []>(
    projection: Projection<E>,
    options?: SpecOptions<Others>,
  ): PostgresSpec<E | EventOf<Others[number]>>;
  /** The backends that specs run on, one for each mode in which the engine applies events. Use one at a time. */
  readonly backends: readonly Backend[];
  /** @deprecated Use `backends`, which is the same list. */
  readonly stages: readonly Backend[];
  /** Removes everything that the kit created. Idempotent. */
  close(): Promise<void>;
}

export interface PostgresSpec<E extends EventShape> extends Spec<E> {
  /** Runs `work` in a transaction that begins with empty tables and is rolled back. */
  rolledBack<T>(work: (tx: TestTransaction<E>) => Promise<T>): Promise<T>;
  /** Applies the event of a failure snapshot to its rows, in a transaction that is rolled back: see `replayCapsule`. */
  replay(capsule: unknown): Promise<Replay>;
}

/**
 * A kit with an empty database of its own, which the first test creates. Tests of one kit run one at a time. Each begins
 * with empty tables and applies its events twice, event by event and folded, as the engine does.
 */
export function createTestKit({
  database,
  schema = '',
  extensionSchemas = [],
  timeoutMs = 30_000,
}: TestKitOptions = {}): TestKit {
  let own: Promise<OwnDatabase> | null = null;
  let closed: Promise<void> | null = null;
  const runExclusive = createTimedMutex();
  const address = async () => {
    own ??= createOwnDatabase(database);
    return (await own).address;
  };
  const schemas = createTestSchemas(address, { prepare: schema, extensionSchemas });
  const backends = APPLY_MODES.map((mode) => createPostgresBackend(schemas, mode));

  const runTest = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (closed !== null) return Promise.reject(new EngineError('TEST_INVALID', { reason: 'its kit is closed' }));
    return runExclusive(timeoutMs, work);
  };
  const runner: Runner = (work) => runTest((signal) => work(backends, signal));
  const close = (): Promise<void> => {
    closed ??= runExclusive(null, async () => {
      await schemas.close();
      // When the database could not be created, every test has failed with that error already.
      const database = await own?.catch(() => null);
      await database?.drop();
    });
    return closed;
  };
  return {
    for: (projection, options = {}) => {
      const all = [...(options.with ?? []), projection];
      const onSchema = <T>(work: (testSchema: TestSchema) => Promise<T>) =>
        runTest(async () => {
          const testSchema = await schemas.of(all);
          await testSchema.empty();
          return await work(testSchema);
        });
      return {
        ...createSpec(runner, projection, options),
        rolledBack: (work) => onSchema((testSchema) => inTestTransaction(testSchema, all, work)),
        replay: (capsule) =>
          onSchema(
            async (testSchema) => await replayOnPostgres(testSchema, projection, readCapsule(capsule, projection)),
          ),
      };
    },
    backends,
    stages: backends,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Tests projections whose handlers return statements, without a database. It holds no resources, so it has no `close`. */
export interface MemoryKit {
  for<E extends EventShape, Others extends readonly Projection[] = readonly []>(
    projection: Projection<E>,
    options?: SpecOptions<Others>,
  ): Spec<E | EventOf<Others[number]>>;
}

export function createMemoryKit(): MemoryKit {
  const runner: Runner = (work) => work([createMemoryBackend()], new AbortController().signal);
  return { for: (projection, options = {}) => createSpec(runner, projection, options) };
}
