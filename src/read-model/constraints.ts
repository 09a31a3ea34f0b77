import type { Queryable, Tx } from '../postgres/pool.ts';

/**
 * The constraints of these tables that are checked only at COMMIT unless told otherwise, quoted and qualified. Each event
 * has to satisfy them by itself, or the outcome would depend on where pages end.
 */
export async function deferredConstraints(sql: Queryable, tables: readonly string[]): Promise<readonly string[]> {
  const rows = await sql<{ name: string }[]>`
    SELECT format('%I.%I', n.nspname, k.conname) AS name
    FROM unnest(${[...tables]}::text[]) AS t (name)
    JOIN pg_constraint AS k ON k.conrelid = to_regclass(quote_ident(t.name)) AND k.condeferred
    JOIN pg_namespace AS n ON n.oid = k.connamespace`;
  return rows.map(({ name }) => name);
}

/** Checks everything that is deferred now, and defers `deferred` again for what follows. @throws what is violated */
export async function checkConstraints(tx: Tx, deferred: readonly string[]): Promise<void> {
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;
  if (deferred.length > 0) await tx.unsafe(`SET CONSTRAINTS ${deferred.join(', ')} DEFERRED`);
}
