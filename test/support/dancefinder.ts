import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { readPage } from '../../src/event-store/read.ts';
import type { Sql } from '../../src/postgres/pool.ts';

type Tables = ReturnType<typeof foldHistory>;

/** Every read-model row of DanceFinder, in the form of `foldHistory`. */
export async function readTables(sql: Sql): Promise<Record<keyof Tables, unknown[]>> {
  const names = Object.keys(foldHistory([])) as (keyof Tables)[];
  const entries = await Promise.all(
    names.map(async (name) => {
      const rows = await sql<Record<string, unknown>[]>`SELECT * FROM ${sql(name)} ORDER BY id`;
      return [name, rows.map((row) => ({ ...row, created: toIso(row['created']) }))] as const;
    }),
  );
  return Object.fromEntries(entries) as Record<keyof Tables, unknown[]>;
}

/** The expected rows after every event of the store, after those up to a position, or after all but one. */
export async function expectedTables(sql: Sql, upTo = 2n ** 63n - 1n, except?: bigint): Promise<Tables> {
  const { events } = await readPage(sql, {
    after: 0n,
    head: upTo,
    names: null,
    limit: 10_000_000,
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  return foldHistory(events.filter(({ position }) => position !== except) as Parameters<typeof foldHistory>[0]);
}

function toIso(value: unknown): unknown {
  return typeof value === 'string'
    ? `${value.slice(0, 10)}T${microseconds(value.slice(11).replace('+00', ''))}Z`
    : value;
}

/** PostgreSQL omits trailing zeros. */
function microseconds(time: string): string {
  const [seconds = '', fraction = ''] = time.split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}`;
}
