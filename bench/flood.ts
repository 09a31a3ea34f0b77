import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';
import { band } from '../examples/dancefinder/projections/band.ts';
import { createDaemon, type Daemon } from '../src/index.ts';
import type { DatabaseAddress } from '../src/postgres/pool.ts';

const LOCAL = 'amqp://guest:guest@127.0.0.1:5672';
const QUIET_MS = 5000;

export interface Flood {
  /** Event-loop delay, p99, in milliseconds. */
  readonly quiet: number;
  readonly flooded: number;
  /** The same while the pushes do not reach the daemon: the load of the broker and the publisher alone. */
  readonly elsewhere: number;
  /** Pushes per second that reached the daemon; the broker drops the ones that exceed its queue. */
  readonly received: number;
  /** Increase of the resident memory over the flood. */
  readonly megabytes: number;
}

/** BENCH_AMQP_URL, else the broker of this machine; null where none answers. */
export async function floodBroker(): Promise<string | null> {
  const url = process.env['BENCH_AMQP_URL'] ?? LOCAL;
  const connection = await connect(url, { timeout: 5000 }).catch(() => null);
  await connection?.close();
  return connection === null ? null : url;
}

/** Another process sends that many pushes to an idle daemon. */
export async function measureFlood(address: DatabaseAddress, url: string, count: number): Promise<Flood> {
  const exchange = `projectionist.bench.${randomBytes(6).toString('hex')}`;
  await using daemon = createDaemon({ projections: [band], database: address, broker: { urls: [url], exchange } });
  try {
    await daemon.start();
    await untilHealthy(daemon);
    await delayDuring(() => flood(url, exchange, Math.ceil(count / 10)));
    const before = process.memoryUsage.rss();
    const quiet = await delayDuring(() => pause(QUIET_MS));
    const elsewhere = await delayDuring(() => flood(url, '', count));
    const [came, began] = [received(daemon), performance.now()];
    const flooded = await delayDuring(() => flood(url, exchange, count));
    const seconds = (performance.now() - began) / 1000;
    const megabytes = (process.memoryUsage.rss() - before) / 2 ** 20;
    return { quiet, elsewhere, flooded, received: (received(daemon) - came) / seconds, megabytes };
  } finally {
    await deleteExchange(url, exchange);
  }
}

async function delayDuring(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

async function flood(url: string, exchange: string, count: number): Promise<void> {
  const program = fileURLToPath(new URL('./flood-process.js', import.meta.url));
  const child = fork(program, [url, exchange, String(count)], { execArgv: [] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the publisher's process ended with ${String(code)}`);
}

/** Pushes reach the daemon. */
export async function untilHealthy(daemon: Daemon): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (daemon.broker()?.state !== 'healthy') {
    if (performance.now() > deadline) throw new Error(`no pushes: ${JSON.stringify(daemon.broker())}`);
    await pause(50);
  }
}

function received(daemon: Daemon): number {
  return Object.values(daemon.hints().pushes).reduce((sum, count) => sum + count, 0);
}

async function deleteExchange(url: string, exchange: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.deleteExchange(exchange);
  await connection.close();
}
