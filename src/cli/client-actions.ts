import { join } from 'node:path';
import { createClient, type DaemonClient, findDaemon } from './client.ts';
import type { Actions, CommandContext } from './program.ts';
import { resetProjections } from './reset.ts';
import { showStatus } from './status.ts';

/** The folder of everything the daemon keeps on disk, in the folder it was started in. */
export function stateFolder(cwd: string): string {
  return join(cwd, '.projectionist');
}

/** The commands that speak to a daemon. */
export const clientActions: Pick<Actions, 'status' | 'reset'> = {
  async status(options, context) {
    await showStatus(await clientFor(context), options, context.terminal.stdout, context.signal);
    return 0;
  },
  async reset({ name, wait, timeoutMs }, context) {
    const options = { name, wait, liveTimeoutMs: timeoutMs };
    return (await resetProjections(await clientFor(context), options, context.terminal, context.signal)) ? 0 : 1;
  },
};

async function clientFor({ env, cwd }: CommandContext): Promise<DaemonClient> {
  return createClient(await findDaemon({ env, folder: stateFolder(cwd) }));
}
