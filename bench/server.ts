import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../src/embedded/start.ts';
import { connect, type DatabaseAddress, type Sql } from '../src/postgres/pool.ts';

/** A PostgreSQL for one run, with databases of the run's own. */
export interface BenchServer extends AsyncDisposable {
  /** A pool on a database that is not measured, so its transactions are not counted. */
  readonly admin: Sql;
  /** A new, empty database; dropped at the end. */
  createDatabase(): Promise<{ readonly name: string; readonly address: DatabaseAddress }>;
}

const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' } as const;

/** BENCH_DATABASE_URL (its role must be allowed to create databases), else a private server with fsync in a temp folder. */
export async function startServer(url: string | undefined): Promise<BenchServer> {
  if (url !== undefined && url !== '') {
    return overDatabases((name) => {
      const other = new URL(url);
      if (name !== null) other.pathname = `/${name}`;
      return { url: other.href };
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-bench-'));
  // mkdtemp makes the folder with mode 0700. Under root the server runs as another user, which must be able to enter it.
  await chmod(folder, 0o711);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // Throw-away, so that its temporary folders are removed, but with fsync, so that commits are flushed as in production.
    const server = await startEmbeddedPostgres({ folder, throwAway: true, settings: DURABLE });
    const { connection } = server;
    return overDatabases(
      (name) => ({ ...connection, database: name ?? connection.database }),
      () => server.stop().then(remove),
    );
  } catch (error) {
    await remove();
    throw error;
  }
}

function overDatabases(
  addressOf: (name: string | null) => DatabaseAddress,
  stop: () => Promise<void> = () => Promise.resolve(),
): BenchServer {
  const admin = connect({ address: addressOf(null), applicationName: 'bench', max: 1 });
  const created: string[] = [];
  return {
    admin,
    createDatabase: async () => {
      const name = `projectionist_bench_${randomBytes(5).toString('hex')}`;
      await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
      created.push(name);
      return { name, address: addressOf(name) };
    },
    [Symbol.asyncDispose]: async () => {
      for (const name of created) await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end({ timeout: 2 });
      await stop();
    },
  };
}
