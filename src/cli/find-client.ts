import { join } from 'node:path';
import { EngineError } from '../core/errors.ts';
import { createClient, type DaemonAddress, type DaemonClient, DEFAULT_URL, findDaemon } from './client.ts';
import type { CommandContext } from './verbs/verb.ts';

/** The folder of the files that the daemon keeps on disk, inside the folder in which it was started. */
export function stateFolder(cwd: string): string {
  return join(cwd, '.projectionist');
}

/** The daemon of this folder, or of PROJECTIONIST_URL. @throws EngineError DAEMON_UNREACHABLE, CONFIG_INVALID */
export async function clientFor({ env, cwd }: CommandContext): Promise<DaemonClient> {
  return createClient(await findDaemon({ env, folder: stateFolder(cwd) }));
}

/**
 * Finds the same daemon each time, also after its address has changed. The daemon of another folder may answer at the
 * default address, so that address counts only if it was the first one found.
 * @throws EngineError DAEMON_UNREACHABLE, CONFIG_INVALID
 */
export async function finderFor({ env, cwd }: CommandContext): Promise<() => Promise<DaemonAddress>> {
  const find = () => findDaemon({ env, folder: stateFolder(cwd) });
  const first = await find();
  return async () => {
    const address = await find();
    if (address.url === DEFAULT_URL && first.url !== DEFAULT_URL) {
      throw new EngineError('DAEMON_UNREACHABLE', { url: first.url });
    }
    return address;
  };
}
