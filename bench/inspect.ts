import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createActor } from 'xstate';
import { childId, daemonMachine, type ProjectionActor } from '../machines/daemon.ts';
import { type Observer, observers } from '../machines/observers.ts';
import type { ProjectionOperations } from '../src/core/port.ts';
import { openConnections } from '../src/inspect/connections.ts';
import { Hub } from '../src/inspect/hub.ts';

/** A hub that listens on a port, and its clients in processes of their own. */
export interface Inspected extends AsyncDisposable {
  readonly observe: Observer;
  /** One more client, which reads everything; resolves when it is connected. */
  read(): Promise<void>;
  /** @throws Error when a client has disconnected: with less work the measured cost would be too low */
  assertRead(): void;
}

export async function openInspected(): Promise<Inspected> {
  const hub = new Hub();
  const connections = openConnections(hub);
  const server = createServer().on('upgrade', (incoming, socket, head) => connections.accept(incoming, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const program = fileURLToPath(new URL('./inspect-process.js', import.meta.url));
  const readers: ReturnType<typeof fork>[] = [];
  return {
    observe: hub.observe,
    read: async () => {
      const reader = fork(program, [url], { execArgv: [] });
      readers.push(reader);
      await once(reader, 'message');
    },
    assertRead: () => {
      if (hub.size.subscribers < readers.length) throw new Error('inspect: a client has disconnected or ended');
    },
    [Symbol.asyncDispose]: async () => {
      connections.close();
      server.close();
      const left = readers.filter(({ exitCode }) => exitCode === null);
      await Promise.all(
        left.map(async (reader) => {
          reader.disconnect();
          await once(reader, 'exit');
        }),
      );
    },
  };
}

/** Operations that do nothing, so that only the machines and their observers are measured. */
const idle: ProjectionOperations = {
  open: async () => ({ status: 'running', detail: null }),
  run: async () => ({ kind: 'caught-up' }),
  reset: async () => ({ status: 'running' }),
  setPaused: async () => ({ status: 'running' }),
  skip: async () => undefined,
};

/** `count` projections under a supervisor, without a database. */
export interface Machines {
  readonly actors: readonly ProjectionActor[];
  stop(): void;
}

export function startMachines(count: number, observe: Observer): Machines {
  const names = Array.from({ length: count }, (_, index) => `p${index}`);
  const backoff = { baseMs: 200, capMs: 30_000 };
  const projections = names.map((name) => ({ name, operations: idle, retryFailedAfterMs: 1000, backoff }));
  const root = createActor(daemonMachine, {
    ...observers(observe),
    input: { projections, backoff, drainMs: 1000 },
  });
  root.start();
  root.send({ type: 'START' });
  const children = root.getSnapshot().children as unknown as Readonly<Record<string, ProjectionActor>>;
  return { actors: names.flatMap((name) => children[childId(name)] ?? []), stop: () => void root.stop() };
}

/**
 * Share of a core, in percent, that this many projections take when each is woken every two seconds. Each wakeup causes
 * two transitions, so each projection has one transition a second.
 */
export async function loadOf(count: number, seconds: number, observe: Observer): Promise<number> {
  const { actors, stop } = startMachines(count, observe);
  await pause(500);
  const spell = 50;
  const share = Math.ceil((count * spell) / 2000);
  let next = 0;
  const wakeups = setInterval(() => {
    for (let index = 0; index < share; index += 1, next += 1) actors[next % count]?.send({ type: 'WAKE' });
  }, spell);
  await pause(500);
  const [began, before] = [performance.now(), process.cpuUsage()];
  await pause(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  const used = (user + system) / 1000 / (performance.now() - began);
  clearInterval(wakeups);
  stop();
  return used * 100;
}
