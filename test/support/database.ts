import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import type { TestServer } from './servers.ts';

/** An empty database of one test file. The file drops it by `await using`, or by drop() in afterAll. */
export interface TestDatabase extends AsyncDisposable {
  /** Options for postgres.js, with the name of this database. */
  readonly connection: TestServer['connection'];
  /** The same as a URL, for programs that take DATABASE_URL. */
  readonly url: string;
  /** A pool on the database with the default options, which ignores notices. */
  readonly sql: postgres.Sql;
  /** Ends every session and prepared transaction of the database, and drops it. Idempotent. */
  drop(): Promise<void>;
}

/** A new database on the run's server. Its random name lets files run at the same time. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('postgres');
  const name = `test_${randomBytes(6).toString('hex')}`;
  // template0 and an explicit encoding: the defaults of the server may differ.
  await asAdmin(server, (sql) => sql.unsafe(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`));
  const connection = { ...server.connection, database: name };
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const sql = postgres({ ...connection, max: 10, onnotice: () => undefined });
  let dropped: Promise<void> | undefined;
  const drop = (): Promise<void> => {
    dropped ??= remove(server, sql, name);
    return dropped;
  };
  return { connection, url: url.href, sql, drop, [Symbol.asyncDispose]: drop };
}

async function remove(server: TestServer, sql: postgres.Sql, name: string): Promise<void> {
  await sql.end({ timeout: 1 });
  // A prepared transaction belongs to no session, can be ended only from inside its database, and prevents the drop.
  await asAdmin({ ...server, connection: { ...server.connection, database: name } }, async (inside) => {
    const prepared = await inside<{ gid: string }[]>`
      SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`;
    for (const { gid } of prepared) await inside.unsafe(`ROLLBACK PREPARED '${gid.replaceAll("'", "''")}'`);
  });
  // FORCE ends the sessions that tests or killed programs have left.
  await asAdmin(server, (admin) => admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}

async function asAdmin<T>(server: TestServer, work: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
  const sql = postgres({ ...server.connection, max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
