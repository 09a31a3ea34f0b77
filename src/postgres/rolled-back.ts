import type { Sql, Tx } from './pool.ts';

/** Thrown to make the transaction roll back; nobody sees it. */
class RollBack extends Error {}

/**
 * Runs `work` in a transaction that is rolled back whatever comes of it. What a rollback leaves behind all the same:
 * numbers drawn from sequences, and what was done outside of the database.
 * @returns what it returns. @throws what it throws
 */
export async function rolledBack<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  const results: T[] = [];
  try {
    await sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      results.push(await work(tx));
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
  return results[0] as T;
}
