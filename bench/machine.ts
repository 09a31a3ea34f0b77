import { cpus, loadavg, totalmem } from 'node:os';
import type { Sql } from '../src/postgres/pool.ts';

const SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size'] as const;

/** The properties of the machine that the figures depend on, one per line. There is no date, because results are compared by these properties. */
export async function describeMachine(sql: Sql): Promise<readonly string[]> {
  const [row] = await sql<[{ version: string }]>`SELECT current_setting('server_version') AS version`;
  const settings = await sql<{ name: string; value: string }[]>`
    SELECT name, current_setting(name) AS value FROM unnest(${[...SETTINGS]}::text[]) AS n (name)`;
  const processors = cpus();
  return [
    `${processors.length} cores, ${processors[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB of memory`,
    `Node ${process.version}, PostgreSQL ${row.version}, ${process.platform} ${process.arch}`,
    settings.map(({ name, value }) => `${name} ${value}`).join(', '),
  ];
}

/** The load average of the last minute. A value far above the load of the bench itself shows that other processes are running. */
export function describeLoad(): string {
  return loadavg()[0]?.toFixed(1) ?? 'unknown';
}
