import { fullStateOf, type ProjectionSnapshot, stateOf } from '../../machines/state-names.ts';
import { EngineError } from '../core/errors.ts';
import { lagBehind } from '../core/position.ts';
import type { FailureStatus, InOrder, ProjectionStatus } from '../core/status.ts';
import type { OpenAppender } from '../event-store/high-water-mark.ts';
import type { Sql } from '../postgres/pool.ts';
import { readFailures } from '../state/failures.ts';

/** What is stored about every projection; one statement for them all. */
export interface StoredView {
  readonly name: string;
  readonly cursor: bigint;
  readonly generation: bigint;
  readonly position: bigint;
  readonly newest: bigint | null;
  readonly alarm: string | null;
  readonly owner: string | null;
  /** Events passed over since the last reset. */
  readonly skipped: number;
}

export async function readViews(sql: Sql): Promise<{
  readonly views: ReadonlyMap<string, StoredView>;
  readonly failures: ReadonlyMap<string, FailureStatus>;
}> {
  const [rows, failures] = await Promise.all([
    sql<StoredView[]>`
      SELECT s.name, s.cursor, s.generation, coalesce(r.position, 0) AS position, s.alarm, s.owner,
             (SELECT count(*)::int FROM projection_failures AS f
              WHERE f.name = s.name AND f.instance_id = s.instance_id AND f.skipped_at IS NOT NULL) AS skipped,
             (SELECT max(tstamp) FROM events) AS newest
      FROM projection_state AS s LEFT JOIN readviews AS r USING (name) WHERE s.instance_id = ''`,
    readFailures(sql),
  ]);
  return { views: new Map(rows.map((row) => [row.name, row])), failures };
}

export interface StatusParts {
  readonly name: string;
  readonly tables: readonly string[];
  /** Taken before `view` and `failure` were read. */
  readonly snapshot: ProjectionSnapshot | null;
  readonly view: StoredView | undefined;
  readonly failure: FailureStatus | null;
  /** Of a halt for which no event is at fault. */
  readonly historyCode: string | null;
  /** How far events have been looked at; ahead of the stored cursor over events that are not handled. */
  readonly scanned: bigint;
  /** Null while the store cannot be read: how far behind the projection is, is not known then. */
  readonly head: bigint | null;
  /** Seconds since the head was first seen above the cursor; null where it was not. */
  readonly secondsAbove: (cursor: bigint) => number | null;
  readonly holders: readonly OpenAppender[];
  /** That the database is away, or what the last scheduled check found wrong with the store itself. */
  readonly storeProblem: string | null;
  readonly backingOffSince: number | null;
  /** It waits for memory for its next page. */
  readonly waitsForRoom?: boolean;
  /** Milliseconds that it has waited for a connection for its page. */
  readonly waitedMs: number;
  /** Who holds the lock that its page waits for, in words. */
  readonly lockedBy?: string | null;
  readonly ratePerSecond: number;
  readonly inOrder: readonly InOrder[];
  readonly owner: string;
}

export function toStatus(parts: StatusParts): ProjectionStatus {
  const { name, snapshot, view, failure, head } = parts;
  const stored = view?.cursor ?? 0n;
  // What is remembered of a row that is gone says nothing any more.
  const gone = view === undefined;
  const cursor = !gone && parts.scanned > stored ? parts.scanned : stored;
  const lag = lagBehind(head, cursor);
  const state = snapshot === null ? 'idle' : stateOf(snapshot);
  const position = view?.position ?? 0n;
  // The measured rate falls slowly; what has stopped has none.
  const ratePerSecond = !gone && (state === 'catching-up' || state === 'live') ? parts.ratePerSecond : 0;
  return {
    name,
    instance: '',
    state,
    substate: snapshot === null ? 'idle.stopped' : fullStateOf(snapshot),
    detail:
      view?.alarm ??
      parts.storeProblem ??
      (gone && snapshot !== null ? new EngineError('PROJECTION_ROW_MISSING', { name }).message : null) ??
      sinceWhen(snapshot?.context.detail ?? null, parts.backingOffSince) ??
      (parts.waitsForRoom === true ? WAITS_FOR_ROOM : null) ??
      lockDetail(parts.lockedBy ?? null) ??
      turnDetail(parts.waitedMs) ??
      holderDetail(parts.holders) ??
      (head === null && state !== 'idle' ? NOT_READ : null) ??
      skippedDetail(view?.skipped ?? 0),
    cursor: String(cursor),
    head: String(head !== null && head > cursor ? head : cursor),
    position: Number(position),
    lagEvents: lag === null ? null : Number(lag),
    lagSeconds:
      lag === 0n ? 0 : lag === null || position === 0n ? null : secondsBetween(position, view?.newest ?? null),
    behindSeconds: lag === 0n ? 0 : lag === null ? null : parts.secondsAbove(cursor),
    ratePerSecond,
    etaSeconds:
      lag !== null && state === 'catching-up' && ratePerSecond > 0 ? Math.ceil(Number(lag) / ratePerSecond) : null,
    generation: Number(view?.generation ?? 0n),
    owner: state === 'idle' ? (view?.owner ?? null) : parts.owner,
    backingOffSince: parts.backingOffSince === null ? null : new Date(parts.backingOffSince).toISOString(),
    failure: failure ?? historyFailure(snapshot, cursor, parts.historyCode),
    skippedEvents: view?.skipped ?? 0,
    inOrder: parts.inOrder,
    tables: parts.tables,
  };
}

function secondsBetween(position: bigint, newest: bigint | null): number {
  return newest === null || newest < position ? 0 : Number(newest - position);
}

const NOT_READ = 'the event store was not read since the start or the last lost connection, so the lag is not known';
const WAITS_FOR_ROOM = 'waiting for memory: the pages of other projections take up all there is for pages';

/** `backing off: …` alone does not tell a moment from an hour. */
function sinceWhen(detail: string | null, since: number | null): string | null {
  if (detail === null || since === null) return detail;
  return detail.replace(/^backing off:/, `backing off since ${new Date(since).toISOString().slice(0, 19)}Z:`);
}

/** An appender that stays open holds everyone: name it after a second. */
function holderDetail(holders: readonly OpenAppender[]): string | null {
  const oldest = holders.find(({ seconds }) => seconds === null || seconds >= 1);
  if (oldest === undefined) return null;
  const who = oldest.pid === null ? 'a prepared transaction' : `the transaction of pid ${oldest.pid}`;
  const age = oldest.seconds === null ? '' : `, open for ${Math.floor(oldest.seconds)} s`;
  return `waiting for ${who} that appends events${age}`;
}

function lockDetail(holders: string | null): string | null {
  return holders === null ? null : `its page waits for a lock; in the way: ${holders}`;
}

/** Handlers of other projections keep every connection for pages. */
function turnDetail(waitedMs: number): string | null {
  if (waitedMs < 1000) return null;
  return `waiting for a turn to apply a page, for ${Math.floor(waitedMs / 1000)} s: other projections use all connections for pages`;
}

/** Said when there is nothing else to say: its rows lack something. */
function skippedDetail(skipped: number): string | null {
  if (skipped === 0) return null;
  return skipped === 1 ? '1 event was skipped' : `${skipped} events were skipped`;
}

/** Halted without an event at fault: the store's history does not fit. */
function historyFailure(
  snapshot: ProjectionSnapshot | null,
  cursor: bigint,
  code: string | null,
): FailureStatus | null {
  if (snapshot === null || !snapshot.matches({ failed: 'halted' })) return null;
  return {
    eventId: null,
    position: String(cursor),
    eventName: null,
    attempts: 0,
    error: snapshot.context.detail ?? 'halted',
    sqlstate: null,
    code,
    statement: null,
    at: new Date().toISOString(),
  };
}
