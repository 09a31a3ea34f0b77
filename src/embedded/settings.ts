import { once } from 'node:events';
import { createServer } from 'node:net';

/** Where the server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * The folder of the socket, or on Windows, which has none, a free port on 127.0.0.1. (Not tested on Windows.)
 * A `port` among the settings is used, since it is part of the socket's name.
 */
export async function chooseAddress(
  socketFolder: string,
  settings: Readonly<Record<string, string>>,
): Promise<Address> {
  const port = settings['port'] === undefined ? undefined : Number(settings['port']);
  if (process.platform !== 'win32') return { host: socketFolder, port: port ?? 5432 };
  return { host: '127.0.0.1', port: port ?? (await freePort()) };
}

/** Arguments of `postgres`. What the caller sets comes last and wins. */
export function serverArguments(
  data: string,
  address: Address,
  options: { readonly throwAway: boolean; readonly settings: Readonly<Record<string, string>> },
): readonly string[] {
  const settings = { ...listening(address), ...(options.throwAway && WITHOUT_DURABILITY), ...options.settings };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The data is lost when the machine stops; a test does not mind. */
const WITHOUT_DURABILITY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } as const;

function listening({ host, port }: Address): Readonly<Record<string, string>> {
  const shared = {
    max_connections: '100',
    log_destination: 'stderr',
    logging_collector: 'off',
    // What the server says is read here; in a folder made elsewhere it may be German.
    lc_messages: 'C',
    port: String(port),
  };
  if (process.platform === 'win32') return { ...shared, listen_addresses: host };
  return {
    ...shared,
    listen_addresses: '',
    // A list, in which a comma or a quote would mean something.
    unix_socket_directories: `"${host.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    // /dev/shm has 64 MB in a container; parallel queries need more.
    dynamic_shared_memory_type: 'mmap',
  };
}

/** A TCP port on 127.0.0.1 that is free now; another program may take it before it is used. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 5432;
}
