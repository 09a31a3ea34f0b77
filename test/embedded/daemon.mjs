// A daemon as small as it can be: starts the private PostgreSQL, says so in JSON lines, and obeys stdin and signals.
import { createInterface } from 'node:readline';
import postgres from 'postgres';
import { startEmbeddedPostgres } from './dist/src/embedded/start.js';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const log = (line) => process.stderr.write(`${line}\n`);

try {
  const server = await startEmbeddedPostgres({ ...JSON.parse(process.argv[2] ?? '{}'), log });
  const sql = postgres({ ...server.connection, max: 1, onnotice: () => undefined });
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
  process.once('SIGINT', drain);
  process.once('SIGTERM', drain);
  const { connection, folder, fresh } = server;
  say({ kind: 'ready', connection, folder, fresh, rows, checkpointer: pid });
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'drain') void drain();
    // Leaves without a word to the server, as an uncaught exception would.
    if (line === 'crash') throw new Error('crashed on purpose');
  });
} catch (error) {
  say({ kind: 'failed', code: error.code, message: error.message });
  process.exit(1);
}
