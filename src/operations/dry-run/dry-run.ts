import { orLate } from '../../core/deadline.ts';
import { describeError } from '../../core/describe-error.ts';
import { EngineError, isEngineError } from '../../core/errors.ts';
import type { StoredEvent } from '../../core/event.ts';
import type { FailureRecord, TryReport } from '../../core/failure.ts';
import type { Projection } from '../../core/projection.ts';
import { readPage, readRawPage } from '../../event-store/read.ts';
import { connect, type DatabaseAddress, type Sql } from '../../postgres/pool.ts';
import { readCurrentFailure } from '../../state/failures.ts';
import { type TryWork, tryEvent } from './run-and-roll-back.ts';
import { watchHolding } from './yield-locks.ts';

const TRY_MS = 30_000;

/** Where a try takes place: a daemon's database, or the one of a config file. */
export interface TryPlace {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  readonly projections: readonly Projection[];
}

/** The event a projection stands before, as the handlers get it and as the store wrote it. */
export interface Standing {
  readonly failure: FailureRecord;
  readonly event: StoredEvent;
  readonly payload: string;
  readonly metadata: string;
}

/**
 * Runs the event a projection stands before with the handlers of `place.projections`, and rolls back. At most 30 seconds,
 * and no longer than until somebody waits for a row that it has written.
 * @throws EngineError PROJECTION_UNKNOWN, NOTHING_FAILED, TRY_GIVEN_UP; the signal's reason
 */
export async function tryFailed(place: TryPlace, name: string, signal: AbortSignal): Promise<TryReport> {
  const projection = findProjection(place.projections, name);
  return await inTry(place, name, signal, async (sql, giveUp) => {
    const standing = await readStateSummary(sql, name);
    return await reportOf(sql, { projection, projections: place.projections, standing, giveUp });
  });
}

export function findProjection(projections: readonly Projection[], name: string): Projection {
  const found = projections.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new EngineError('PROJECTION_UNKNOWN', { name, known: projections.map((one) => one.name).join(', ') });
}

/** The report of one event, given up when somebody waits for it. */
export async function reportOf(
  sql: Sql,
  work: Pick<TryWork, 'projection' | 'projections'> & {
    readonly standing: Standing;
    readonly giveUp: (reason: string) => void;
  },
): Promise<TryReport> {
  const { projection, projections, standing, giveUp } = work;
  const { event, payload } = standing;
  const inTheWay = () => giveUp('another transaction waits for a row that it has written; try again');
  let stop = (): void => undefined;
  const onOpen = (pid: number): void => {
    stop = watchHolding(sql, pid, inTheWay);
  };
  try {
    const { outcome, ...rest } = await tryEvent(sql, { projection, projections, event, onOpen });
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

/** Over connections of its own, which are closed at the end whatever still runs: that ends the transaction too. */
export async function inTry<T>(
  { database, schema, extensionSchemas }: TryPlace,
  name: string,
  signal: AbortSignal,
  work: (sql: Sql, giveUp: (reason: string) => void) => Promise<T>,
): Promise<T> {
  const given = new AbortController();
  const giveUp = (reason: string): void => given.abort(new EngineError('TRY_GIVEN_UP', { name, reason }));
  const timer = setTimeout(() => giveUp(`it took longer than ${TRY_MS / 1000} s`), TRY_MS);
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
    return await orLate(work(sql, giveUp), { signals: [signal, given.signal] });
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
export async function readStateSummary(sql: Sql, name: string): Promise<Standing> {
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
