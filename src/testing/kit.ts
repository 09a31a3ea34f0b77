import { EngineError } from '../core/errors.ts';
import type { EventShape, Projection } from '../core/projection.ts';
import { readCapsule } from './capsule/read-capsule.ts';
import { replayOnPostgres } from './capsule/replay-on-postgres.ts';
import type { Replay } from './capsule/replayed.ts';
import { createMemoryStage } from './memory/memory-stage.ts';
import { createGrounds, type Ground } from './postgres/ground.ts';
import { createPostgresStage, WAYS } from './postgres/postgres-stage.ts';
import { inTestTransaction, type TestTransaction } from './postgres/rolled-back.ts';
import { createOwnDatabase, type OwnDatabase } from './postgres/server.ts';
import { createSpec, type Spec, type SpecOptions } from './spec.ts';
import type { Bench } from './spec-then.ts';
import type { Stage } from './stage.ts';
import type { EventOf } from './test-event.ts';
import { createTurns } from './turns.ts';

export interface TestKitOptions {
  /**
   * URL of a PostgreSQL whose user may create databases. Default: TEST_DATABASE_URL; without it a private server is
   * started, which takes about two seconds.
   */
  readonly database?: string;
  /** DDL that runs before the projections' own: extensions, types, tables that are made elsewhere. */
  readonly schema?: string;
  /** As EXTENSION_SCHEMAS of the daemon: further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[];
  /** Milliseconds that one test may take. Default 30000. */
  readonly timeoutMs?: number;
}

/** Tests projections on PostgreSQL. Close it when the tests are done. */
export interface TestKit extends AsyncDisposable {
  for<E extends EventShape, Others extends readonly Projection[] = readonly []>(
    projection: Projection<E>,
    options?: SpecOptions<Others>,
  ): PostgresSpec<E | EventOf<Others[number]>>;
  /** The stages that specs run on, one for each way in which the engine applies events. Use one at a time. */
  readonly stages: readonly Stage[];
  /** Removes everything the kit made. Idempotent. */
  close(): Promise<void>;
}

export interface PostgresSpec<E extends EventShape> extends Spec<E> {
  /** Runs `work` in a transaction in which the tables are empty, and which is rolled back. */
  rolledBack<T>(work: (tx: TestTransaction<E>) => Promise<T>): Promise<T>;
  /** Applies the event of a capsule to the capsule's rows, in a transaction that is rolled back: see `replayCapsule`. */
  replay(capsule: unknown): Promise<Replay>;
}

/**
 * A kit with an empty database of its own, made when the first test needs it. Tests of one kit take turns; each begins
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
  const turns = createTurns();
  const address = async () => {
    own ??= createOwnDatabase(database);
    return (await own).address;
  };
  const grounds = createGrounds(address, { prepare: schema, extensionSchemas });
  const stages = WAYS.map((way) => createPostgresStage(grounds, way));

  const inTurn = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (closed !== null) return Promise.reject(new EngineError('TEST_INVALID', { reason: 'its kit is closed' }));
    return turns(timeoutMs, work);
  };
  const bench: Bench = (work) => inTurn((signal) => work(stages, signal));
  const close = (): Promise<void> => {
    closed ??= turns(null, async () => {
      await grounds.close();
      // One that could not be made has said so in every test.
      const database = await own?.catch(() => null);
      await database?.drop();
    });
    return closed;
  };
  return {
    for: (projection, options = {}) => {
      const all = [...(options.with ?? []), projection];
      const onGround = <T>(work: (ground: Ground) => Promise<T>) =>
        inTurn(async () => {
          const ground = await grounds.of(all);
          await ground.empty();
          return await work(ground);
        });
      return {
        ...createSpec(bench, projection, options),
        rolledBack: (work) => onGround((ground) => inTestTransaction(ground, all, work)),
        replay: (capsule) =>
          onGround(async (ground) => await replayOnPostgres(ground, projection, readCapsule(capsule, projection))),
      };
    },
    stages,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Tests projections made of statements without a database: a test takes a tenth of a millisecond. There is nothing to close. */
export interface MemoryKit {
  for<E extends EventShape, Others extends readonly Projection[] = readonly []>(
    projection: Projection<E>,
    options?: SpecOptions<Others>,
  ): Spec<E | EventOf<Others[number]>>;
}

export function createMemoryKit(): MemoryKit {
  const bench: Bench = (work) => work([createMemoryStage()], new AbortController().signal);
  return { for: (projection, options = {}) => createSpec(bench, projection, options) };
}
