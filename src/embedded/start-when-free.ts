import { readLock } from './lock.ts';
import type { ServerProcess } from './server.ts';
import { delay, until } from './wait.ts';

/** How long an old server may take to leave: its daemon was killed, and it is shutting down. */
const LEAVES_WITHIN_MS = 30_000;
/** A server whose daemon was killed gets its signal within milliseconds. One that stays ready is in use. */
const STAYS_READY_MS = 3_000;
const READY_WITHIN_MS = 60_000;
const TRY_AGAIN_MS = 200;

/** Backends of a killed server hold the shared memory until they notice; its lock file may be about to go. */
const STILL_IN_USE = /lock file .* already exists|pre-existing shared memory block/;

/** Starts the server as soon as no other one holds the data folder, and waits until it takes connections. */
export async function startWhenFree(
  launch: () => ServerProcess,
  dataFolder: string,
  signal: AbortSignal | undefined,
): Promise<ServerProcess> {
  const deadline = performance.now() + LEAVES_WITHIN_MS;
  for (;;) {
    await waitUntilFree(dataFolder, deadline - performance.now(), signal);
    const server = launch();
    const refusal = await refusalOf(server, dataFolder, signal);
    if (refusal === undefined) return server;
    if (!STILL_IN_USE.test(refusal) || performance.now() > deadline) throw new Error(refusal);
    await delay(TRY_AGAIN_MS, signal);
  }
}

async function waitUntilFree(dataFolder: string, withinMs: number, signal: AbortSignal | undefined): Promise<void> {
  let readySince: number | undefined;
  let holder: number | undefined;
  const free = await until(
    async () => {
      const lock = await readLock(dataFolder);
      if (lock === undefined) return true;
      holder = lock.pid;
      readySince = lock.status === 'ready' ? (readySince ?? performance.now()) : undefined;
      return readySince !== undefined && performance.now() - readySince > STAYS_READY_MS ? false : undefined;
    },
    { withinMs, signal },
  );
  if (free !== true) throw new Error(`another process uses it (its server has process id ${holder}): stop that one`);
}

/** Undefined once the server is ready; otherwise it is stopped, and this is why. */
async function refusalOf(
  server: ServerProcess,
  dataFolder: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const ready = await until(
      async () => {
        if (!server.running) return false;
        const lock = await readLock(dataFolder);
        return lock?.pid === server.pid && lock?.status === 'ready' ? true : undefined;
      },
      { withinMs: READY_WITHIN_MS, signal },
    );
    if (ready === true) return undefined;
  } catch (error) {
    await server.stop();
    throw error;
  }
  if (!server.running) return await server.exited;
  await server.stop();
  return `it was not ready after ${READY_WITHIN_MS / 1000} s`;
}
