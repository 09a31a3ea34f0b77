// A daemon as small as it can be: starts the private PostgreSQL, says so in JSON lines, and obeys stdin and signals.
import { createInterface } from 'node:readline';
import { startEmbeddedPostgres } from './dist/src/embedded/start.js';
import { connect } from './dist/src/postgres/pool.js';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const log = (line) => process.stderr.write(`${line}\n`);

try {
  const server = await startEmbeddedPostgres({
    ...JSON.parse(process.argv[2] ?? '{}'),
    log,
    onChange: (change) => say(change),
  });
  const sql = connect({ address: server.connection, applicationName: 'daemon', max: 1, connectWithinMs: 30_000 });
  await sql`CREATE TABLE IF NOT EXISTS kept (id int GENERATED ALWAYS AS IDENTITY)`;
  await sql`INSERT INTO kept DEFAULT VALUES`;
  const [{ rows }] = await sql`SELECT count(*)::int AS rows FROM kept`;
  const [{ pid }] = await sql`SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`;

  // The drain: what is under way is finished before the server is stopped.
  const drain = async () => {
    try {
      await sql`SELECT pg_sleep(0.3)`;
      await sql`INSERT INTO kept DEFAULT VALUES`;
      say({ kind: 'drained' });
    } catch (error) {
      say({ kind: 'cut', reason: error.message });
    }
    await sql.end({ timeout: 1 });
    await server.stop();
    process.exit(0);
  };
  // Until it is through: while the server is away each attempt fails.
  const insert = async () => {
    const done = await sql`INSERT INTO kept DEFAULT VALUES RETURNING id`.catch(() => undefined);
    if (done === undefined) setTimeout(() => void insert(), 50);
    else say({ kind: 'inserted' });
  };
  process.once('SIGINT', () => void drain());
  process.once('SIGTERM', () => void drain());
  const { connection, folder, fresh, adopted } = server;
  const [{ version, encoding }] = await sql`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`;
  say({ kind: 'ready', connection, folder, fresh, adopted, version, encoding, rows, checkpointer: pid });
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'drain') void drain();
    if (line === 'insert') void insert();
    // Leaves without a word to the server, as an uncaught exception would.
    if (line === 'crash') throw new Error('crashed on purpose');
  });
} catch (error) {
  say({ kind: 'failed', code: error.code, message: error.message });
  process.exit(1);
}
