import { createDaemon, type Daemon, type DaemonOptions, type Projection } from '../src/index.ts';
import type { DatabaseAddress } from '../src/postgres/pool.ts';

const PATIENCE_MS = 900_000;

/** Starts a daemon and resolves when every projection is live. End it with `await using`. */
export async function startCaughtUp(
  address: DatabaseAddress,
  projections: readonly Projection[],
  options: Pick<DaemonOptions, 'failpoint' | 'inspect' | 'notify' | 'broker' | 'publisher'> = {},
): Promise<Daemon> {
  const daemon = createDaemon({ ...options, projections, database: address, id: 'bench' });
  const live = untilLive(daemon, 'idle');
  try {
    await daemon.start();
    await live;
    return daemon;
  } catch (error) {
    await daemon.stop();
    throw error;
  }
}

/** @returns milliseconds from sending RESET to every projection until every one of them is live again */
export async function timeCatchUp(daemon: Daemon): Promise<number> {
  const began = performance.now();
  const live = untilLive(daemon, 'resetting');
  const outcomes = await Promise.all(daemon.names.map((name) => daemon.send(name, 'RESET')));
  const refused = outcomes.find(({ kind }) => kind === 'failed');
  if (refused !== undefined) throw new Error(`RESET failed: ${JSON.stringify(refused)}`);
  await live;
  return performance.now() - began;
}

/** Only transitions to live after `first` count: a scheduled poll also leads a live projection back to live. */
function untilLive(daemon: Daemon, first: 'idle' | 'resetting'): Promise<void> {
  return new Promise((resolve, reject) => {
    const begun = new Set<string>(first === 'idle' ? daemon.names : []);
    const waiting = new Set(daemon.names);
    const timer = setTimeout(() => {
      end(() => reject(new Error(`not live after ${PATIENCE_MS / 1000} s: ${[...waiting].join(', ')}`)));
    }, PATIENCE_MS);
    const unsubscribe = daemon.onTransition(({ name, to }) => {
      if (to.startsWith('resetting')) begun.add(name);
      if (to.startsWith('failed')) end(() => reject(new Error(`projection '${name}' is ${to}`)));
      if (!begun.has(name) || !to.startsWith('live')) return;
      waiting.delete(name);
      if (waiting.size === 0) end(resolve);
    });
    function end(settle: () => void): void {
      clearTimeout(timer);
      unsubscribe();
      settle();
    }
  });
}
