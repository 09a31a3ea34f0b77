import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError, isEngineError } from '../../core/errors.ts';
import { startEmbeddedPostgres } from '../../embedded/start.ts';
import { checkDatabase } from '../../event-store/checks.ts';
import { connect, type DatabaseAddress, describeAddress, type Sql } from '../../postgres/pool.ts';

/** An empty database that belongs to one kit. */
export interface OwnDatabase {
  readonly address: DatabaseAddress;
  /** Ends every session on the database and drops it. A private server is stopped. */
  drop(): Promise<void>;
}

interface Server {
  /** The address of `database`; by default of the database that the server was given with. */
  address(database?: string): DatabaseAddress;
  stop(): Promise<void>;
}

/**
 * Creates a database on the server of `url`, by default of TEST_DATABASE_URL; without either, on a private server that
 * is started for it. A server that merely listens on this machine, and a database that exists, are never used.
 * @throws EngineError TEST_DATABASE, DATABASE_UNREACHABLE, DATABASE_VERSION, EMBEDDED_UNAVAILABLE, EMBEDDED_FAILED
 */
export async function createOwnDatabase(url: string | undefined): Promise<OwnDatabase> {
  const given = url ?? (process.env['TEST_DATABASE_URL'] || undefined);
  const server = given === undefined ? await startPrivate() : atUrl(given);
  const name = `projectionist_test_${randomBytes(6).toString('hex')}`;
  try {
    // template0 and an explicit encoding: the defaults of the server may differ.
    await asAdmin(server, (sql) => sql.unsafe(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    address: server.address(name),
    drop: async () => {
      try {
        await asAdmin(server, (sql) => sql.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
      } finally {
        await server.stop();
      }
    },
  };
}

function atUrl(text: string): Server {
  if (!URL.canParse(text) || !/^postgres(ql)?:/.test(text)) {
    throw new EngineError('TEST_DATABASE', {
      address: 'the given URL',
      reason: 'it is not like postgres://user:password@host:5432/postgres',
    });
  }
  return {
    address: (database) => {
      const url = new URL(text);
      if (database !== undefined) url.pathname = `/${database}`;
      return { url: url.href };
    },
    stop: () => Promise.resolve(),
  };
}

async function startPrivate(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-test-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // mkdtemp makes the folder with mode 0700. Under root the server runs as another user, which must be able to enter it.
    await chmod(folder, 0o711);
    const { connection, stop } = await startEmbeddedPostgres({ folder, throwAway: true });
    return {
      address: (database = connection.database) => ({ ...connection, database }),
      stop: () => stop().then(remove),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function asAdmin(server: Server, work: (sql: Sql) => PromiseLike<unknown>): Promise<void> {
  const address = server.address();
  const sql = connect({ address, applicationName: 'projectionist:testing', max: 1 });
  try {
    await checkDatabase(sql, address);
    await work(sql);
  } catch (error) {
    if (isEngineError(error) || !(error instanceof Error)) throw error;
    throw new EngineError(
      'TEST_DATABASE',
      { address: describeAddress(address), reason: error.message },
      { cause: error },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}
