import { AdoptedServer, canAdopt } from './adopted-server.ts';
import { endLeftovers } from './leftovers.ts';
import { type Lock, readLock } from './lock.ts';
import type { Server, ServerProcess } from './server.ts';
import type { Address } from './settings.ts';
import { delay, until } from './wait.ts';
import { whyOf } from './why.ts';

/** How long an old server may take to leave: its daemon was killed, and it is shutting down. */
const LEAVES_WITHIN_MS = 30_000;
/** A server whose daemon was killed gets its signal within milliseconds. One that stays ready is in use. */
const STAYS_READY_MS = 3_000;
/** After a crash the server first replays its log, which may take minutes; stopping it would begin that anew. */
const READY_WITHIN_MS = 600_000;
const TRY_AGAIN_MS = 200;

const SHARED_MEMORY_IN_USE = /pre-existing shared memory block/;
/** Backends of a killed server hold the shared memory until they notice; its lock file may be about to go. */
const STILL_IN_USE = /lock file .* already exists|pre-existing shared memory block/;

export interface Start {
  readonly launch: () => ServerProcess;
  readonly dataFolder: string;
  /** Where the launched server listens. */
  readonly address: Address;
  readonly signal: AbortSignal | undefined;
}

/**
 * Starts the server as soon as no other one holds the data folder, and waits until it takes connections. A server that
 * another daemon of this folder runs at the same address is used as it is.
 */
export async function startWhenFree({ launch, dataFolder, address, signal }: Start): Promise<Server> {
  const deadline = performance.now() + LEAVES_WITHIN_MS;
  for (;;) {
    const holder = await waitUntilFree(dataFolder, deadline - performance.now(), signal);
    if (holder !== undefined) {
      if (await canAdopt(address)) return new AdoptedServer(dataFolder, holder);
      throw new Error(`another process uses it (its server has process id ${holder.pid}): stop that one`);
    }
    const server = launch();
    const refusal = await refusalOf(server, dataFolder, signal);
    if (refusal === undefined) return server;
    if (!STILL_IN_USE.test(refusal) || performance.now() > deadline) {
      throw new Error(whyOf(refusal), { cause: new Error(refusal) });
    }
    if (SHARED_MEMORY_IN_USE.test(refusal)) await endLeftovers(dataFolder);
    await delay(TRY_AGAIN_MS, signal);
  }
}

/** Undefined once no server holds the folder, else the server that does: it is in use, or it does not end. */
async function waitUntilFree(
  dataFolder: string,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<Lock | undefined> {
  let readySince: number | undefined;
  let holder: Lock | undefined;
  await until(
    async () => {
      holder = await readLock(dataFolder);
      if (holder === undefined) return true;
      readySince = holder.status === 'ready' ? (readySince ?? performance.now()) : undefined;
      return readySince !== undefined && performance.now() - readySince > STAYS_READY_MS ? true : undefined;
    },
    { withinMs, signal },
  );
  return holder;
}

/** Undefined once the server is ready; otherwise it is stopped, and this is what it said. */
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
  if (!server.running) {
    const { how, output } = await server.exited;
    return `${how}\n${output}`;
  }
  await server.stop();
  return `it was not ready after ${READY_WITHIN_MS / 1000} s`;
}
