import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import { freePort } from '../../src/embedded/settings.ts';

/**
 * A RabbitMQ that one test file may kill, freeze and fill. It has its own ports, folder, cookie and epmd, and ends when
 * this process ends for any reason. Each takes about 150 MB and 5 s: at most one per file at a time.
 */
export interface RabbitNode extends AsyncDisposable {
  /** `name@localhost`, for a cluster. */
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** kill -9; resolves when the process has ended. Durable queues and messages are available again after `start`. */
  kill(): Promise<void>;
  /** Starts the node after `kill`; resolves when it takes connections. */
  start(): Promise<void>;
  /** Stops the broker as for an upgrade; its Erlang node keeps running. */
  stopApp(): Promise<void>;
  startApp(): Promise<void>;
  /** SIGSTOP: the sockets stay open and get no reply. */
  freeze(): void;
  thaw(): void;
  /** Sets the memory alarm: the broker blocks publishers while it is on. */
  alarm(on: boolean): Promise<void>;
  queues(): Promise<readonly QueueInfo[]>;
  /** The local ports of the connected clients. */
  connections(): Promise<readonly number[]>;
  closeAllConnections(reason: string): Promise<void>;
  /** `rabbitmqctl ARGUMENTS`: its stdout. One to two seconds a call. */
  ctl(...args: readonly string[]): Promise<string>;
}

export interface QueueInfo {
  readonly name: string;
  readonly messages: number;
  readonly unacknowledged: number;
  readonly consumers: number;
}

export interface NodeOptions {
  /** Lines for rabbitmq.conf. */
  readonly config?: readonly string[];
  /** The folder of a cluster's cookie and its epmd's port: nodes that share both can find each other. */
  readonly cluster?: { readonly home: string; readonly epmdPort: number };
}

/** Reads the node's pid from stdin, and kills epmd and the node when stdin ends, which is when this process ends. */
const SUPERVISOR = `"$1" -port "$2" -address 127.0.0.1 & epmd=$!
while read -r pid; do node=$pid; done
kill -9 $node $epmd 2>/dev/null; wait`;

const QUIET = '+sbwt none +sbwtdcpu none +sbwtdio none';

/** Where `rabbitmq-server` can be called by any user; null where RabbitMQ is not installed. */
export async function rabbitBinaries(): Promise<string | null> {
  // Debian's wrapper in /usr/sbin becomes the user rabbitmq, so the package's own folder comes first.
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin', ...path]) {
    if (await exists(join(folder, 'rabbitmq-server'))) return folder;
  }
  return null;
}

/** @throws Error when RabbitMQ is not installed, or does not take connections within a minute */
export async function startRabbitNode(options: NodeOptions = {}): Promise<RabbitNode> {
  const binaries = await rabbitBinaries();
  if (binaries === null) throw new Error('RabbitMQ is not installed: rabbitmq-server is in no known folder');
  const folder = await mkdtemp(join(tmpdir(), 'projectionist-rabbit-'));
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const name = `test-${port}@localhost`;
  const home = options.cluster?.home ?? folder;
  const env = environment({ folder, home, name, port, distPort, epmdPort: options.cluster?.epmdPort ?? epmdPort });
  await mkdir(join(folder, 'log'));
  await writeFile(join(folder, 'plugins'), '[].\n');
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    ['disk_free_limit.absolute = 1MB', ...(options.config ?? [])].join('\n'),
  );

  const supervisor = spawn('sh', ['-c', SUPERVISOR, 'supervisor', 'epmd', env['ERL_EPMD_PORT'] ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  const commands = new Set<Promise<unknown>>();
  let node: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    // Without -noinput (ALLOW_INPUT) the script becomes the broker, whose pid is then the child's.
    const child = spawn(join(binaries, 'rabbitmq-server'), [], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    node = child;
    supervisor.stdin.write(`${child.pid ?? ''}\n`);
    await untilReady(url, child);
  };
  const kill = async (): Promise<void> => {
    const child = node;
    node = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    // The system may reuse the pid for another process.
    supervisor.stdin.write('\n');
  };
  const ctl = async (...args: readonly string[]): Promise<string> => {
    const command = promisify(execFile)(join(binaries, 'rabbitmqctl'), ['-q', ...args], { env, timeout: 60_000 });
    commands.add(command);
    try {
      return (await command).stdout;
    } finally {
      commands.delete(command);
    }
  };
  const dispose = async (): Promise<void> => {
    await kill();
    // Commands of a failed test end once the node has ended. Until then they write into the folder.
    await Promise.allSettled(commands);
    const ended = once(supervisor, 'exit');
    supervisor.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilOpen(Number(env['ERL_EPMD_PORT']));
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    name,
    port,
    url,
    kill,
    start,
    ctl,
    freeze: () => void node?.kill('SIGSTOP'),
    thaw: () => void node?.kill('SIGCONT'),
    ...operations(ctl),
    [Symbol.asyncDispose]: dispose,
  };
}

type Operations = 'stopApp' | 'startApp' | 'alarm' | 'queues' | 'connections' | 'closeAllConnections';

function operations(ctl: RabbitNode['ctl']): Pick<RabbitNode, Operations> {
  return {
    stopApp: async () => void (await ctl('stop_app')),
    startApp: async () => void (await ctl('start_app')),
    alarm: async (on) => void (await ctl('set_vm_memory_high_watermark', on ? '0.00001' : '0.6')),
    queues: async () => {
      const fields = ['name', 'messages', 'messages_unacknowledged', 'consumers'] as const;
      const rows = JSON.parse(await ctl('list_queues', '--formatter', 'json', ...fields)) as Record<string, unknown>[];
      return rows.map((row) => ({
        name: String(row['name']),
        messages: Number(row['messages']),
        unacknowledged: Number(row['messages_unacknowledged']),
        consumers: Number(row['consumers']),
      }));
    },
    connections: async () => {
      const rows = JSON.parse(await ctl('list_connections', '--formatter', 'json', 'peer_port')) as {
        peer_port: number;
      }[];
      return rows.map((row) => row.peer_port);
    },
    closeAllConnections: async (reason) => void (await ctl('close_all_connections', reason)),
  };
}

function environment(own: {
  readonly folder: string;
  readonly home: string;
  readonly name: string;
  readonly port: number;
  readonly distPort: number;
  readonly epmdPort: number;
}): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: own.home,
    ERL_EPMD_PORT: String(own.epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // Only the supervisor starts epmd: one that the node starts would outlive this process.
    ERL_AFLAGS: '-start_epmd false',
    RABBITMQ_NODENAME: own.name,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(own.port),
    RABBITMQ_DIST_PORT: String(own.distPort),
    RABBITMQ_MNESIA_BASE: join(own.folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(own.folder, 'log'),
    RABBITMQ_PID_FILE: join(own.folder, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(own.folder, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(own.folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: 'none',
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${QUIET} -kernel inet_dist_use_interface {127,0,0,1}`,
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = AbortSignal.timeout(60_000);
  let last: unknown;
  while (!deadline.aborted) {
    if (child.exitCode !== null) throw new Error(`RabbitMQ ended with ${child.exitCode} while it started`);
    try {
      const connection = await connect(url, { timeout: 5000 });
      await connection.close();
      return;
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error('RabbitMQ took no connection within a minute', { cause: last });
}

/** A node that finds no epmd ends at once. */
async function untilOpen(port: number): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  const open = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTcp(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
  while (!(await open())) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
