import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DatabaseAddress, Sql } from '../src/postgres/pool.ts';

// A server process reports its transactions at most once a second, and when it has been idle for ten.
const SETTLE_MS = 12_000;

export interface Idle {
  readonly queriesPerSecond: number;
  readonly megabytes: number;
}

/** Transactions per second that an idle daemon with four projections costs, and its resident memory. */
export async function measureIdle(
  admin: Sql,
  database: { readonly name: string; readonly address: DatabaseAddress },
  seconds: number,
): Promise<Idle> {
  const program = fileURLToPath(new URL('./idle-process.js', import.meta.url));
  // Autovacuum would process the tables of the other parts, and its transactions are counted as well.
  await switchAutovacuum(admin, 'off');
  const child = fork(program, [JSON.stringify(database.address)], { execArgv: [] });
  try {
    await answer(child);
    await pause(SETTLE_MS);
    const before = await transactions(admin, database.name);
    const began = performance.now();
    await pause(seconds * 1000);
    const done = (await transactions(admin, database.name)) - before;
    const queriesPerSecond = done / ((performance.now() - began) / 1000);
    child.send('memory');
    return { queriesPerSecond, megabytes: Number(await answer(child)) / 2 ** 20 };
  } finally {
    if (child.exitCode === null) {
      child.disconnect();
      await once(child, 'exit');
    }
    await switchAutovacuum(admin, 'on');
  }
}

async function switchAutovacuum(admin: Sql, to: 'on' | 'off'): Promise<void> {
  await admin.unsafe(`ALTER SYSTEM SET autovacuum = ${to}`);
  await admin`SELECT pg_reload_conf()`;
}

export async function answer(child: ChildProcess): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the daemon's process ended with ${code}`)));
  });
}

/** Each query of an idle daemon is a transaction. The count is read from another database, so the reading is not counted. */
async function transactions(admin: Sql, name: string): Promise<number> {
  const [row] = await admin<[{ done: bigint }]>`
    SELECT xact_commit + xact_rollback AS done FROM pg_stat_database WHERE datname = ${name}`;
  return Number(row.done);
}
