import type { Projection } from '../core/projection.ts';
import { connect, type DatabaseAddress, type Sql } from '../store/connect.ts';
import { migrate } from '../store/migrate.ts';

/** The daemon's connections, apart by what they may be kept waiting for. */
export interface Pools {
  /** Pages and commands: transactions that write. */
  readonly work: Sql;
  /** Pages are read here, while the one before is written. */
  readonly reader: Sql;
  /** Looks at the head. */
  readonly control: Sql;
}

export interface PoolOptions {
  readonly database: DatabaseAddress;
  readonly schema: string;
  readonly projections: readonly Projection[];
  readonly id: string;
  /** A connection of `control` has closed. */
  readonly onControlClosed: () => void;
}

/**
 * Milliseconds until an answer counts as lost. A peer that is gone without a word would silence a projection until TCP
 * gives up, many minutes later. The server ends a statement of a page after 10 s by itself.
 */
const ANSWER_MS = 30_000;
const HEAD_ANSWER_MS = 5000;

export function openPools({ database, schema, projections, id, onControlClosed }: PoolOptions): Pools {
  const options = (role: string, max: number, answerWithinMs: number) => ({
    address: database,
    schema,
    max,
    answerWithinMs,
    applicationName: `projectionist:${role}:${id}`,
  });
  return {
    work: connect(options('work', Math.min(projections.length + 2, 12), ANSWER_MS)),
    reader: connect(options('read', 4, ANSWER_MS)),
    control: connect({ ...options('head', 1, HEAD_ANSWER_MS), onClose: onControlClosed }),
  };
}

export async function closePools(pools: Pools): Promise<void> {
  await Promise.all([pools.work, pools.reader, pools.control].map((sql) => sql.end({ timeout: 5 })));
}

/** Over a connection of its own: a migration may take any time (an index on a large table). */
export async function migrateAtStart(
  { database, schema, projections, id }: Omit<PoolOptions, 'onControlClosed'>,
  notify: boolean,
): Promise<void> {
  const sql = connect({ address: database, schema, applicationName: `projectionist:migrate:${id}`, max: 1 });
  try {
    await migrate(sql, { schema, notify, projections });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
