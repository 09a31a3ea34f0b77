import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Ended, Server } from '../../src/embedded/server.ts';
import { type ServerChange, Supervisor } from '../../src/embedded/supervisor.ts';

/** A server that ends when it is told to. */
class FakeServer implements Server {
  readonly pid = 1;
  readonly adopted = false;
  readonly exited: Promise<Ended>;
  #end: (ended: Ended) => void = () => undefined;

  constructor() {
    this.exited = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  die(output = ''): void {
    this.#end({ how: 'it was ended by SIGKILL', output });
  }

  async stop(): Promise<void> {
    this.die();
  }
}

/** Time passes only while the supervisor pauses and where a test says so. */
function supervised() {
  const scene = { now: 0, startable: true, lost: null as string | null };
  const changes: ServerChange[] = [];
  const pauses: number[] = [];
  const first = new FakeServer();
  const servers = [first];
  const supervisor = new Supervisor(first, {
    now: () => scene.now,
    pause: async (ms, signal) => {
      pauses.push(ms);
      scene.now += ms;
      signal.throwIfAborted();
    },
    start: async () => {
      if (!scene.startable && pauses.length < 20) throw new Error('no space left');
      const server = new FakeServer();
      servers.push(server);
      return server;
    },
    lost: async () => scene.lost,
    onChange: (change) => changes.push(change),
  });
  const running = async (count: number): Promise<FakeServer> => {
    await vi.waitFor(() => expect(changes.filter(({ kind }) => kind === 'running')).toHaveLength(count));
    return servers.at(-1) ?? first;
  };
  return { scene, changes, pauses, first, supervisor, running };
}

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
});
afterEach(() => {
  vi.restoreAllMocks();
});

// Seen red with deaths that are only counted, never forgotten.
test('deaths that are far apart are each the first, those in a row wait longer, up to the cap', async () => {
  const { scene, pauses, first, supervisor, running } = supervised();
  let server = first;
  for (let death = 1; death <= 9; death++) {
    scene.now += 1_000;
    server.die();
    server = await running(death);
  }
  expect(pauses).toEqual([199, 399, 799, 1599, 3199, 6399, 12_799, 25_599, 29_999]);
  for (let death = 10; death <= 12; death++) {
    scene.now += 60_000;
    server.die();
    server = await running(death);
  }
  expect(pauses.slice(9)).toEqual([199, 199, 199]);
  await supervisor.stop();
});

// Seen red with a failed start that is not counted: 20 attempts within a few seconds.
test('starts that fail count like deaths, and each tells its own reason', async () => {
  const { scene, changes, pauses, first, supervisor, running } = supervised();
  scene.startable = false;
  first.die('LOG: one\n2026 PANIC:  could not write to file\nERROR: of a statement');
  await running(1);
  expect(pauses.at(-1)).toBe(29_999);
  const reasons = changes.flatMap((change) => (change.kind === 'ended' ? [change.reason] : []));
  expect(reasons.slice(0, 2)).toEqual(['it was ended by SIGKILL: could not write to file', 'no space left']);
  await supervisor.stop();
});

test('what cannot be started any more is told once, with why it ended, and the supervisor rests', async () => {
  const { scene, changes, first, supervisor } = supervised();
  scene.lost = '/data is gone';
  first.die();
  await vi.waitFor(() => expect(changes).toHaveLength(1));
  expect(changes).toEqual([{ kind: 'lost', reason: 'it was ended by SIGKILL; /data is gone' }]);
  await supervisor.stop();
});

test('a stop is no death', async () => {
  const { changes, supervisor } = supervised();
  await supervisor.stop();
  expect(changes).toEqual([]);
});
