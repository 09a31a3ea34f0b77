import type { Projection } from '../core/projection.ts';
import { connect, type DatabaseAddress, type Sql } from '../postgres/pool.ts';
import { PageBudget } from '../projector/page-budget.ts';

/** The daemon's connections, separated by what they may have to wait for. */
export interface Pools {
  /** Pages alone: a handler may keep such a connection for long. */
  readonly work: Sql;
  /** Reads pages, while the page before is written. */
  readonly reader: Sql;
  /** Reads the high-water mark. */
  readonly control: Sql;
  /** Operations of operators: transactions that may wait for the row of a page in flight. */
  readonly operators: Sql;
  /** Status, metrics, commands, failures, and what is written beside the pages: short statements that wait for nothing. */
  readonly views: Sql;
  /** Memory budget of the pages. */
  readonly memory: PageBudget;
}

export interface PoolOptions {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  readonly projections: readonly Projection[];
  readonly id: string;
  readonly timeouts: Partial<Timeouts>;
  /** Called when a connection of `control` has closed. */
  readonly onControlClosed: () => void;
}

/**
 * Bounds for silent connections, in milliseconds. Without them a peer that vanishes would keep a projection waiting until
 * TCP times out, many minutes later.
 */
export interface Timeouts {
  /** For an attempt to connect. Default 5000. */
  readonly connectMs: number;
  /** For the answer to a statement of a page. Default 30000; the server ends such a statement after 10 s. */
  readonly answerMs: number;
  /** For the answer to a read of the high-water mark, and to a ping. Default 5000. */
  readonly headAnswerMs: number;
  /** Between two pings over the connection that listens. Default 10000. */
  readonly pingEveryMs: number;
  /** How long the server waits for the next statement of a page. Default 15000. */
  readonly nextStatementMs: number;
  /** After how long without progress `/healthz` reports a run. Default for each projection: its `pageTimeoutMs` plus `answerMs`. */
  readonly stallMs: number;
}

/** Greatest number of connections of each pool; docs/operations.md has the sum. */
const SIZES = { work: 12, reader: 4, control: 1, operators: 4, views: 2 } as const;

/** Number of reads of pages and rows that run at the same time. */
export const PAGES_READ_AT_ONCE = SIZES.reader;

/** Number of pages that are applied at the same time. */
export function pagesAppliedAtOnce(projections: number): number {
  return Math.min(projections + 2, SIZES.work);
}

export function openPools(around: PoolOptions): Pools {
  const { database, schema, extensionSchemas, projections, id, timeouts, onControlClosed } = around;
  const { connectMs = 5000, answerMs = 30_000, headAnswerMs = 5000, pingEveryMs = 10_000 } = timeouts;
  const options = (role: string, max: number, answerWithinMs: number) => ({
    address: database,
    schema,
    extensionSchemas,
    max,
    connectWithinMs: connectMs,
    answerWithinMs,
    pingEveryMs,
    applicationName: `projectionist:${role}:${id}`,
  });
  return {
    work: connect(options('work', pagesAppliedAtOnce(projections.length), answerMs)),
    reader: connect(options('read', SIZES.reader, answerMs)),
    control: connect({ ...options('head', SIZES.control, headAnswerMs), onClose: onControlClosed }),
    operators: connect(options('operator', SIZES.operators, answerMs)),
    views: connect(options('view', SIZES.views, answerMs)),
    memory: new PageBudget(),
  };
}

export async function closePools(pools: Pools): Promise<void> {
  const { memory: _, ...sessions } = pools;
  await Promise.all(Object.values(sessions).map((sql) => sql.end({ timeout: 5 })));
}
