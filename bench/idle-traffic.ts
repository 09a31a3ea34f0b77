import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { append } from '../src/event-store/append.ts';
import type { Sql } from '../src/postgres/pool.ts';
import { answer } from './idle.ts';
import type { Store } from './store.ts';

/** Time for a garbage collection before the measurement begins. */
const SETTLE_MS = 3000;
const PER_SECOND = 20;
/** Clock ticks of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

export interface IdleTraffic {
  /** Shares of a core. Of the server's sessions: null where they cannot be seen. */
  readonly daemon: number;
  readonly server: number | null;
}

/** CPU of a daemon with 1000 projections, and of its sessions, while 20 events a second are appended that none of them handles. */
export async function measureIdleTraffic({ address, sql }: Store, seconds: number): Promise<IdleTraffic> {
  const tables = Array.from(
    { length: 1000 },
    (_, index) => `CREATE TABLE idle_${index} (position bigint PRIMARY KEY);`,
  );
  await sql.unsafe(tables.join('\n'));
  const child = fork(fileURLToPath(new URL('./idle-traffic-process.js', import.meta.url)), [JSON.stringify(address)], {
    execArgv: [],
  });
  const ask = async (): Promise<number> => {
    child.send('cpu');
    return Number(await answer(child)) / 1000;
  };
  try {
    await answer(child);
    await appendFor(sql, SETTLE_MS);
    const [ours, theirs, began] = [await ask(), await serverMs(sql), performance.now()];
    await appendFor(sql, seconds * 1000);
    const [oursNow, theirsNow, ms] = [await ask(), await serverMs(sql), performance.now() - began];
    return {
      daemon: (oursNow - ours) / ms,
      server: theirs === null || theirsNow === null ? null : (theirsNow - theirs) / ms,
    };
  } finally {
    if (child.exitCode === null) {
      child.disconnect();
      await once(child, 'exit');
    }
  }
}

let appended = 0;

async function appendFor(sql: Sql, ms: number): Promise<void> {
  const until = performance.now() + ms;
  for (let due = performance.now(); due < until; due += 1000 / PER_SECOND) {
    await pause(Math.max(0, due - performance.now()));
    appended += 1;
    await append(sql, [
      { aggregateName: 'bench.Stream', aggregateId: 'one', sequenceNo: appended, name: 'Unheard', payload: {} },
    ]);
  }
}

/** Milliseconds of CPU of the daemon's sessions; null where this is not the server's machine, or no Linux. */
async function serverMs(sql: Sql): Promise<number | null> {
  const sessions = await sql<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND (application_name LIKE 'projectionist:%' OR application_name LIKE 'proj:%')`;
  try {
    const stats = await Promise.all(sessions.map(({ pid }) => readFile(`/proc/${pid}/stat`, 'utf8')));
    const ticks = stats.map((stat) => {
      // utime and stime are the 14th and 15th field. The name in brackets before them may contain spaces.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, one) => sum + one, 0) * TICK_MS;
  } catch {
    return null;
  }
}
