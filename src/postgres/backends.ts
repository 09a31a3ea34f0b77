import type { Queryable } from './pool.ts';

/** Whether anybody waits for a lock that this backend holds. */
export async function isHolding(sql: Queryable, pid: number): Promise<boolean> {
  const [row] = await sql<[{ holding: boolean }]>`
    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> ${pid} AND ${pid} = ANY(pg_blocking_pids(pid))) AS holding`;
  return row.holding;
}
