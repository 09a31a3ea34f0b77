import { join } from 'node:path';
import { EngineError } from '../core/errors.ts';
import { untilAborted } from '../core/signals.ts';
import { createClient, type DaemonAddress, type DaemonClient, DEFAULT_URL, findDaemon } from './client.ts';
import { painter } from './colours.ts';
import { pollStatuses } from './poll.ts';
import type { Actions, CommandContext } from './program.ts';
import { resetProjections } from './reset.ts';
import { sendEvent } from './send.ts';
import { showStatus } from './status.ts';
import { showLooks } from './watch.ts';
import { watchStates } from './watch-states.ts';

/** The folder of everything the daemon keeps on disk, in the folder it was started in. */
export function stateFolder(cwd: string): string {
  return join(cwd, '.projectionist');
}

/** The commands that speak to a daemon. */
export const clientActions: Pick<Actions, 'status' | 'watch' | 'send' | 'reset'> = {
  async status(options, context) {
    const { stdout } = context.terminal;
    const shown = { ...options, paint: painter(stdout, context.env) };
    await showStatus(await clientFor(context), shown, stdout, context.signal);
    return 0;
  },
  async watch({ name, json, states }, context) {
    const { stdout } = context.terminal;
    const find = await finderFor(context);
    const connect = async () => createClient(await find());
    await untilAborted({ signals: [context.signal, context.outputGone] }, async (signal) => {
      if (states) await watchStates({ find, name, signal, stdout });
      else await showLooks(pollStatuses({ connect, name, signal }), stdout, () => new Date(), json);
    });
    return 0;
  },
  async send(options, context) {
    return (await sendEvent(await clientFor(context), options, context.terminal, context.signal)) ? 0 : 1;
  },
  async reset({ name, wait, timeoutMs, json, yes }, context) {
    const confirm = yes ? null : (context.confirm ?? null);
    const options = { name, wait, json, confirm, liveTimeoutMs: timeoutMs };
    return (await resetProjections(await clientFor(context), options, context.terminal, context.signal)) ? 0 : 1;
  },
};

export async function clientFor({ env, cwd }: CommandContext): Promise<DaemonClient> {
  return createClient(await findDaemon({ env, folder: stateFolder(cwd) }));
}

/** Finds the same daemon each time, though it may have moved: another folder's may answer at the default address. */
async function finderFor({ env, cwd }: CommandContext): Promise<() => Promise<DaemonAddress>> {
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
