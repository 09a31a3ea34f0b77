import { cpus, loadavg, totalmem } from 'node:os';
import type { Sql } from '../src/postgres/pool.ts';

const SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size'] as const;

/** What the figures depend on, a line each. No date: a result is compared by what made it. */
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

/** Runnable processes on average over the last minute; well above what the bench itself keeps busy, others are at work. */
export function describeLoad(): string {
  return loadavg()[0]?.toFixed(1) ?? 'unknown';
}
