import type { Queryable } from './session.ts';

/** Whether another session waits for a lock that this backend holds. */
export async function isHolding(sql: Queryable, pid: number): Promise<boolean> {
  const [row] = await sql<[{ holding: boolean }]>`
    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> ${pid} AND ${pid} = ANY(pg_blocking_pids(pid))) AS holding`;
  return row.holding;
}

/** Terminates a session of this daemon, whatever it does. @returns whether it was running a statement */
export async function terminateSession(sql: Queryable, pid: number): Promise<boolean> {
  const [session] = await sql<{ active: boolean }[]>`
    SELECT state = 'active' AS active, pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ${pid}`;
  return session?.active ?? false;
}
