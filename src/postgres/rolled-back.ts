import type { Sql, Tx } from './pool.ts';

/** Thrown to roll the transaction back; `rolledBack` catches it. */
class RollBack extends Error {}

/**
 * Runs `work` in a transaction that is always rolled back. A rollback does not undo the values drawn from sequences, nor
 * effects outside of the database.
 * @returns the value with which `work` resolves
 * @throws the error of `work`
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
