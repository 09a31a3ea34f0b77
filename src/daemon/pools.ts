import type { Projection } from '../core/projection.ts';
import { connect, type DatabaseAddress, type Sql } from '../postgres/pool.ts';
import { PageBudget } from '../projector/page-budget.ts';

/** The daemon's connections, apart by what they may be kept waiting for. */
export interface Pools {
  /** Pages, and nothing else: a handler may keep one for as long as it likes. */
  readonly work: Sql;
  /** Pages are read here, while the one before is written. */
  readonly reader: Sql;
  /** Looks at the head. */
  readonly control: Sql;
  /** What operators have done: transactions that may wait for the row of a page in flight. */
  readonly operators: Sql;
  /** What is looked at (status, metrics, commands, failures) and written beside the pages: short statements, no waits. */
  readonly views: Sql;
  /** For the pages that are read over them. */
  readonly memory: PageBudget;
}

export interface PoolOptions {
  readonly database: DatabaseAddress;
  readonly schema: string;
  /** Further schemas, with extensions in them. Default none. */
  readonly extensionSchemas?: readonly string[] | undefined;
  readonly projections: readonly Projection[];
  readonly id: string;
  readonly patience: Partial<Timeouts>;
  /** A connection of `control` has closed. */
  readonly onControlClosed: () => void;
}

/**
 * How long silence is borne, in milliseconds. A peer that is gone without a word would keep a projection waiting until
 * TCP gives up, many minutes later.
 */
export interface Timeouts {
  /** Of whoever connects. Default 5000. */
  readonly connectMs: number;
  /** For the answer to a statement of a page. Default 30000; the server ends one after 10 s by itself. */
  readonly answerMs: number;
  /** For the answer to a look at the head, and to a sign of life. Default 5000. */
  readonly headAnswerMs: number;
  /** Between two signs of life over the connection that listens. Default 10000. */
  readonly pingEveryMs: number;
  /** Of the server, for the next statement of a page. Default 15000. */
  readonly nextStatementMs: number;
  /** Of `/healthz`, for a pull that gets nowhere. Default, for each projection, its `pageTimeoutMs` and `answerMs`. */
  readonly stallMs: number;
}

/** Connections at most, by what they are for: docs/operations.md adds them up. */
const PLACES = { work: 12, reader: 4, control: 1, operators: 4, views: 2 } as const;

/** Reads of pages and rows that run at once. */
export const READ_PLACES = PLACES.reader;

/** Pages that are applied at once. */
export function pagePlaces(projections: number): number {
  return Math.min(projections + 2, PLACES.work);
}

export function openPools(around: PoolOptions): Pools {
  const { database, schema, extensionSchemas, projections, id, patience, onControlClosed } = around;
  const { connectMs = 5000, answerMs = 30_000, headAnswerMs = 5000, pingEveryMs = 10_000 } = patience;
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
    work: connect(options('work', pagePlaces(projections.length), answerMs)),
    reader: connect(options('read', PLACES.reader, answerMs)),
    control: connect({ ...options('head', PLACES.control, headAnswerMs), onClose: onControlClosed }),
    operators: connect(options('operator', PLACES.operators, answerMs)),
    views: connect(options('view', PLACES.views, answerMs)),
    memory: new PageBudget(),
  };
}

export async function closePools(pools: Pools): Promise<void> {
  const { memory: _, ...sessions } = pools;
  await Promise.all(Object.values(sessions).map((sql) => sql.end({ timeout: 5 })));
}
