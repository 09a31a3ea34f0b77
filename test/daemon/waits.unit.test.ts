import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { Waits, type WaitsOptions } from '../../src/daemon/wait-for-position.ts';

/** The rows of the database, the position that this daemon has read, and the number of reads. */
let row: { cursor: bigint; generation: bigint };
let scanned: bigint;
let head: { position: bigint; safe: bigint; lastAllocated: bigint };
let reads: string[][];

beforeEach(() => {
  vi.useFakeTimers();
  row = { cursor: 5n, generation: 1n };
  scanned = 0n;
  head = { position: 5n, safe: 5n, lastAllocated: 5n };
  reads = [];
});
afterEach(() => vi.useRealTimers());

function open(more: Partial<WaitsOptions> = {}): Waits {
  return new Waits({
    names: ['band'],
    read: async (names) => {
      reads.push([...names]);
      return new Map(names.map((name) => [name, row]));
    },
    scanned: (_name, generation) => (generation === row.generation ? scanned : 0n),
    highWaterMark: {
      poll: async () => ({ position: head.position, lastAllocated: head.lastAllocated, open: false }),
      latest: () => head.position,
      safe: () => head.safe,
    },
    log: silentLog,
    ...more,
  });
}

const waiting = (waits: Waits, position: bigint | 'head', timeoutMs = 5_000) =>
  waits.until('band', position, { timeoutMs });

test('a position that is applied already is answered at once, also with a time of 0, and leaves no timer', async () => {
  const waits = open();
  for (const position of [5n, 3n]) expect(await waiting(waits, position, 0)).toEqual({ applied: true, lagEvents: 0 });
  expect(await waiting(waits, 'head', 0)).toEqual({ applied: true, lagEvents: 0 });
  expect(vi.getTimerCount()).toBe(0);
});

// Seen red with: `check` not called by the runner's hook (here: taken out).
test('progress of this daemon is noticed at once, without a further read of the database', async () => {
  const waits = open();
  const wait = waiting(waits, 7n);
  await vi.advanceTimersByTimeAsync(0);
  scanned = 6n;
  waits.check();
  scanned = 7n;
  waits.check();
  expect(await wait).toEqual({ applied: true, lagEvents: 0 });
  expect(reads).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

// Seen red with: a separate timer for each wait.
test('rows that another daemon moves are read once a second, however many waits there are', async () => {
  const waits = open();
  const all = Array.from({ length: 10 }, () => waiting(waits, 7n));
  await vi.advanceTimersByTimeAsync(3_500);
  expect(reads).toHaveLength(10 + 3);
  row = { cursor: 7n, generation: 1n };
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await Promise.all(all)).toEqual(Array(10).fill({ applied: true, lagEvents: 0 }));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toHaveLength(10 + 4);
});

test('a wait that ends does not end the reads for the others', async () => {
  const waits = open();
  const [short, long] = [waiting(waits, 7n, 500), waiting(waits, 7n, 60_000)];
  await vi.advanceTimersByTimeAsync(500);
  expect(await short).toMatchObject({ applied: false });
  row = { cursor: 7n, generation: 1n };
  await vi.advanceTimersByTimeAsync(500);
  expect(await long).toMatchObject({ applied: true });
});

test('at the end of its time a wait reports how many positions were missing', async () => {
  const waits = open();
  const wait = waiting(waits, 9n, 300);
  await vi.advanceTimersByTimeAsync(300);
  expect(await wait).toEqual({ applied: false, lagEvents: 4 });
});

// Seen red with: the cursor alone compared.
test('positions that were allocated and rolled back count as applied once the high-water mark has passed them', async () => {
  head = { position: 5n, safe: 6n, lastAllocated: 8n };
  const waits = open();
  expect(await waiting(waits, 6n, 0)).toMatchObject({ applied: true });
  // 7 and 8 belong to an appender that has not ended.
  const short = waiting(waits, 'head', 10);
  await vi.advanceTimersByTimeAsync(10);
  expect(await short).toEqual({ applied: false, lagEvents: 2 });
  const wait = waiting(waits, 'head', 60_000);
  await vi.advanceTimersByTimeAsync(10_000);
  head = { position: 5n, safe: 8n, lastAllocated: 8n };
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await wait).toMatchObject({ applied: true });
});

// Seen red with: `scanned` asked without the generation.
test('events applied before a reset do not count after it', async () => {
  scanned = 100n;
  head = { position: 100n, safe: 100n, lastAllocated: 100n };
  const waits = open({ scanned: (_name, generation) => (generation === 1n ? scanned : 0n) });
  row = { cursor: 0n, generation: 2n };
  const wait = waiting(waits, 50n, 100);
  await vi.advanceTimersByTimeAsync(100);
  expect(await wait).toEqual({ applied: false, lagEvents: 50 });
});

test('a read that fails is repeated a second later', async () => {
  let fails = false;
  const waits = open({
    read: async (names) => {
      if (fails) throw new Error('away');
      return new Map(names.map((name) => [name, row]));
    },
  });
  const wait = waiting(waits, 7n, 60_000);
  await vi.advanceTimersByTimeAsync(0);
  fails = true;
  await vi.advanceTimersByTimeAsync(2_000);
  fails = false;
  row = { cursor: 7n, generation: 1n };
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await wait).toMatchObject({ applied: true });
});

// Seen red with: `#underWay` not counted down.
test('the number of waits is limited, and a wait that has ended counts no more', async () => {
  const waits = open({ max: 2 });
  const leaving = new AbortController();
  const [first, second] = [
    waits.until('band', 7n, { timeoutMs: 60_000, signal: leaving.signal }),
    waiting(waits, 7n, 60_000),
  ];
  await expect(waiting(waits, 5n)).rejects.toMatchObject({ code: 'WAIT_BUSY' });
  leaving.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  expect(await waiting(waits, 5n)).toMatchObject({ applied: true });
  waits.stop();
  await expect(second).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
  expect(vi.getTimerCount()).toBe(0);
});

test('after a stop, and for a row that does not exist, a wait is refused', async () => {
  const waits = open({ read: async () => new Map() });
  await expect(waiting(waits, 5n)).rejects.toMatchObject({ code: 'PROJECTION_ROW_MISSING', fields: { name: 'band' } });
  waits.stop();
  await expect(waiting(waits, 5n)).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
});

test('an unknown projection is refused, and the message names the known ones', async () => {
  const waits = open({ names: ['band', 'event'] });
  await expect(waits.until('bnad', 5n, { timeoutMs: 0 })).rejects.toMatchObject({
    code: 'PROJECTION_UNKNOWN',
    fields: { name: 'bnad', known: 'band, event' },
  });
});

test('by default sixty-four waits are possible at the same time', async () => {
  const waits = open();
  const all = Array.from({ length: 64 }, () => waiting(waits, 7n, 100));
  await expect(waiting(waits, 5n)).rejects.toMatchObject({ code: 'WAIT_BUSY', fields: { max: 64 } });
  await vi.advanceTimersByTimeAsync(100);
  expect(await Promise.all(all)).toEqual(Array(64).fill({ applied: false, lagEvents: 2 }));
});

// Seen red with: `#polling` not checked; not reset.
test('during one read there is no other, and each projection is read once', async () => {
  let answer = (): void => undefined;
  const asked: string[][] = [];
  const waits = open({
    everyMs: 10,
    names: ['band', 'event'],
    read: (names) => {
      asked.push([...names]);
      const rows = () => new Map(names.map((name) => [name, row]));
      if (asked.length <= 3) return Promise.resolve(rows());
      return new Promise((resolve) => {
        answer = () => resolve(rows());
      });
    },
  });
  const all = ['band', 'event', 'band'].map((name) => waits.until(name, 7n, { timeoutMs: 60_000 }));
  await vi.advanceTimersByTimeAsync(100);
  expect(asked.slice(3)).toEqual([['band', 'event']]);
  row = { cursor: 7n, generation: 1n };
  answer();
  await vi.advanceTimersByTimeAsync(9);
  expect(await Promise.all(all)).toEqual(Array(3).fill({ applied: true, lagEvents: 0 }));
});

test('a row that is removed during a wait counts as it was', async () => {
  const waits = open({ read: async () => new Map(reads.push([]) === 1 ? [['band', row] as const] : []) });
  const wait = waiting(waits, 9n, 2_500);
  await vi.advanceTimersByTimeAsync(2_500);
  expect(await wait).toEqual({ applied: false, lagEvents: 4 });
});

test('before the high-water mark is known the row alone counts', async () => {
  const highWaterMark = {
    poll: async () => ({ position: 5n, lastAllocated: 5n, open: false }),
    latest: () => null,
    safe: () => 100n,
  };
  const wait = waiting(open({ highWaterMark }), 9n, 10);
  await vi.advanceTimersByTimeAsync(10);
  expect(await wait).toEqual({ applied: false, lagEvents: 4 });
});

// Seen red with: the poll awaited without orAborted.
test('a stop also ends a wait whose first read is not answered', async () => {
  const never = () => new Promise<never>(() => undefined);
  const highWaterMark = { poll: never, latest: () => 5n, safe: () => 5n };
  for (const [waits, target] of [
    [open({ highWaterMark }), 'head'],
    [open({ read: never }), 7n],
  ] as const) {
    const wait = waiting(waits, target);
    waits.stop();
    await expect(wait).rejects.toMatchObject({ code: 'DAEMON_STOPPED' });
  }
});

test('a read that fails is logged', async () => {
  const debug = vi.fn();
  const away = new Error('away');
  const waits = open({
    log: { ...silentLog, debug },
    read: async () => (reads.push([]) === 1 ? new Map([['band', row]]) : await Promise.reject(away)),
  });
  const wait = waiting(waits, 7n, 1_500);
  await vi.advanceTimersByTimeAsync(1_500);
  await wait;
  expect(debug.mock.calls).toEqual([[{ err: away }, 'rows not read for the waits, tried again in a second']]);
});
