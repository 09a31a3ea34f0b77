import type { Queryable } from './session.ts';

/** Ends a session of this daemon's own, whatever it does. @returns whether it was running a statement */
export async function terminateSession(sql: Queryable, pid: number): Promise<boolean> {
  const [session] = await sql<{ active: boolean }[]>`
    SELECT state = 'active' AS active, pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ${pid}`;
  return session?.active ?? false;
}
