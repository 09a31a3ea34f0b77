import { orLate } from '../../core/deadline.ts';
import { describeError } from '../../core/describe-error.ts';
import { EngineError, isEngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { FailureRecord, TryReport } from '../../core/failure.ts';
import type { Projection } from '../../core/projection.ts';
import { readPage, readRawPage } from '../../event-store/read.ts';
import { isHolding } from '../../postgres/backends.ts';
import { connect, type DatabaseAddress, type Queryable, type Sql } from '../../postgres/pool.ts';
import { readCurrentFailure } from '../../state/failures.ts';
import { type DryRunRequest, runAndRollBack } from './run-and-roll-back.ts';

const DEADLINE_MS = 30_000;
const YIELD_POLL_MS = 100;

/** The database and projections of a dry run: those of a daemon, or of a config file. */
export interface DryRunEnvironment {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  readonly projections: readonly Projection[];
}

/** The failed event of a projection. */
export interface StoredFailure {
  readonly failure: FailureRecord;
  /** As the handlers get it. */
  readonly event: StoredEvent;
  /** The JSON that PostgreSQL stores; so is `metadata`. */
  readonly payload: string;
  readonly metadata: string;
}

/**
 * Runs the failed event of a projection with the handlers of `environment.projections`, and rolls back. This takes at most
 * 30 seconds, and ends as soon as another transaction waits for a row that the dry run has written.
 * @throws EngineError PROJECTION_UNKNOWN, NOTHING_FAILED, TRY_GIVEN_UP; the signal's reason
 */
export async function tryFailed(environment: DryRunEnvironment, name: string, signal: AbortSignal): Promise<TryReport> {
  const { projections } = environment;
  const projection = findProjection(projections, name);
  return await withOwnConnections(environment, name, signal, async (sql, giveUp) => {
    const failed = await readFailedEvent(sql, name);
    return await dryRun(sql, { projection, projections, failed, giveUp });
  });
}

/** @throws EngineError PROJECTION_UNKNOWN */
export function findProjection(projections: readonly Projection[], name: string): Projection {
  const found = projections.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new EngineError('PROJECTION_UNKNOWN', { name, known: projections.map((one) => one.name).join(', ') });
}

/** Runs one event and rolls back. Calls `giveUp` when another transaction waits for a row that it has written. */
export async function dryRun(
  sql: Sql,
  request: Pick<DryRunRequest, 'projection' | 'projections'> & {
    readonly failed: StoredFailure;
    readonly giveUp: (reason: string) => void;
  },
): Promise<TryReport> {
  const { projection, projections, failed, giveUp } = request;
  const { event, payload } = failed;
  const yieldLocks = () => giveUp('another transaction waits for a row that it has written; try again');
  let stop = (): void => undefined;
  const onOpen = (pid: number): void => {
    stop = watchHolding(sql, pid, yieldLocks);
  };
  try {
    const { outcome, ...rest } = await runAndRollBack(sql, { projection, projections, event, onOpen });
    const { name } = projection;
    return {
      name,
      position: String(event.position),
      eventId: event.id,
      eventName: event.name,
      payload,
      outcome,
      ...rest,
    };
  } finally {
    stop();
  }
}

/** Runs `work` over connections of its own. They are closed at the end, which also ends a transaction that still runs. */
export async function withOwnConnections<T>(
  { database, schema, extensionSchemas }: DryRunEnvironment,
  name: string,
  signal: AbortSignal,
  work: (sql: Sql, giveUp: (reason: string) => void) => Promise<T>,
): Promise<T> {
  const givenUp = new AbortController();
  const giveUp = (reason: string): void => givenUp.abort(new EngineError('TRY_GIVEN_UP', { name, reason }));
  const timer = setTimeout(() => giveUp(`it took longer than ${DEADLINE_MS / 1000} s`), DEADLINE_MS);
  const applicationName = `projectionist:try:${name}`;
  const sql = connect({
    address: database,
    schema,
    extensionSchemas,
    applicationName,
    max: 3,
    answerWithinMs: 20_000,
  });
  try {
    return await orLate(work(sql, giveUp), { signals: [signal, givenUp.signal] });
  } catch (error) {
    signal.throwIfAborted();
    if (isEngineError(error) || !(error instanceof Error)) throw error;
    throw new EngineError('TRY_GIVEN_UP', { name, reason: describeError(error) }, { cause: error });
  } finally {
    clearTimeout(timer);
    await sql.end({ timeout: 0 });
  }
}

/** @throws EngineError NOTHING_FAILED */
export async function readFailedEvent(sql: Sql, name: string): Promise<StoredFailure> {
  const failure = await readCurrentFailure(sql, name);
  if (failure === null) throw new EngineError('NOTHING_FAILED', { name, reason: 'it stands before none' });
  const position = BigInt(failure.position);
  const request = { after: position - 1n, head: position, names: null, limit: 1, maxBytes: 0 };
  const [event] = (await readPage(sql, request)).events;
  const [raw] = (await readRawPage(sql, request)).events;
  if (event === undefined || raw === undefined) {
    throw new EngineError('NOTHING_FAILED', {
      name,
      reason: `the event at ${failure.position} is no longer in the store`,
    });
  }
  return { failure, event, payload: raw.payload, metadata: raw.metadata };
}

/**
 * Polls ten times a second whether another transaction waits for a lock of this backend, and reports that once.
 * @returns a function that ends the polling
 */
function watchHolding(sql: Queryable, pid: number, onHolding: () => void): () => void {
  let ended = false;
  let timer: NodeJS.Timeout;
  const poll = async (): Promise<void> => {
    const holding = await isHolding(sql, pid);
    if (ended) return;
    if (holding) onHolding();
    else schedule();
  };
  const schedule = (): void => {
    // A poll fails only when the database is unreachable, and that ends the watched transaction as well.
    timer = setTimeout(() => void poll().catch(() => undefined), YIELD_POLL_MS);
  };
  schedule();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
