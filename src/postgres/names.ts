import { EngineError } from '../core/errors.ts';
import type { Sql } from './pool.ts';

interface NameRow {
  readonly name: string;
  /** Schema of the table that the name resolves to in our sessions; null if it resolves to none. */
  readonly found: string | null;
  /** Whether that is the declared schema. */
  readonly ours: boolean | null;
  /** An extension schema that has a table of that name. */
  readonly shadow: string | null;
  /** Whether row level security can hide rows of the table from this role. */
  readonly hidden: boolean | null;
  readonly role: string;
}

/**
 * Checks that each name resolves to a table in the declared schema, that no extension schema has a table of that name, and
 * that row level security hides none of its rows.
 * @returns the names that do not resolve
 * @throws EngineError SCHEMA_MISPLACED, SCHEMA_SHADOWED, ROW_SECURITY
 */
export async function checkNames(sql: Sql, names: readonly string[]): Promise<readonly string[]> {
  const { schema } = sql.path;
  const rows = await readNames(sql, names);
  for (const { name: table, found, ours, shadow, hidden, role } of rows) {
    if (shadow !== null) throw new EngineError('SCHEMA_SHADOWED', { table, schema, found: shadow });
    if (ours === false) throw new EngineError('SCHEMA_MISPLACED', { table, schema, found });
    if (hidden === true) throw new EngineError('ROW_SECURITY', { table, role });
  }
  return rows.filter(({ found }) => found === null).map(({ name }) => name);
}

/**
 * Checks before the first CREATE that no extension schema has a table of one of these names. `CREATE … IF NOT EXISTS` makes
 * ours anyway, but later statements could find the other one.
 * @throws EngineError SCHEMA_SHADOWED
 */
export async function checkShadows(sql: Sql, names: readonly string[]): Promise<void> {
  const { schema } = sql.path;
  for (const { name: table, shadow: found } of await readNames(sql, names)) {
    if (found !== null) throw new EngineError('SCHEMA_SHADOWED', { table, schema, found });
  }
}

async function readNames(sql: Sql, names: readonly string[]): Promise<readonly NameRow[]> {
  const { schema, extensionSchemas } = sql.path;
  const others = extensionSchemas.filter((one) => one !== schema);
  return await sql<NameRow[]>`
    SELECT t.name, n.nspname AS found, n.nspname = ${schema} AS ours, row_security_active(c.oid) AS hidden, current_user AS role,
           (SELECT o.nspname FROM pg_class AS p JOIN pg_namespace AS o ON o.oid = p.relnamespace
            WHERE p.relname = t.name AND o.nspname = ANY(${others}::text[]) ORDER BY 1 LIMIT 1) AS shadow
    FROM unnest(${[...names]}::text[]) AS t (name)
    LEFT JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(t.name))
    LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace`;
}
