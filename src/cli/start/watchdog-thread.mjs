// @ts-check
// The thread of the watchdog: detects that the main thread is blocked, logs what it was running, and ends the process.
// Plain JavaScript: a thread begins with a file that Node runs without compiling, in tests too.
import { write } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

/** Milliseconds for the last line of the log: its reader may be blocked too. */
const LAST_LINE_MS = 1000;

/**
 * How long the main thread has been silent, at this poll. The time since the last poll counts as two intervals at most: if
 * this thread was late too, the whole process (SIGSTOP) or machine (suspended) was stopped, and no handler caused it.
 * @param {{ readonly heartbeat: number, readonly silentMs: number }} before
 * @param {{ readonly heartbeat: number, readonly elapsedMs: number, readonly everyMs: number }} now
 * @returns {{ readonly heartbeat: number, readonly silentMs: number }}
 */
export function observeHeartbeat(before, { heartbeat, elapsedMs, everyMs }) {
  if (heartbeat !== before.heartbeat) return { heartbeat, silentMs: 0 };
  return { heartbeat, silentMs: before.silentMs + Math.min(elapsedMs, 2 * everyMs) };
}

/**
 * Reads the board of `src/projector/handler-board.ts`: first the handler that was called last, then pending async handlers.
 * `events`: no handler was running, but the planning and encoding of a page of so many events.
 * @param {SharedArrayBuffer} memory
 * @param {readonly string[]} names
 * @returns {readonly { readonly projection: string, readonly position: string, readonly events?: number }[]}
 */
export function readBoard(memory, names) {
  const [, current = -1, events = 0] = new Int32Array(memory, 0, 4);
  const [page, ...positions] = new BigInt64Array(memory, 16);
  const handling = names
    .map((projection, slot) => ({ projection, slot, position: positions[slot] ?? 0n }))
    .filter(({ position }) => position !== 0n)
    .sort((a, b) => Number(b.slot === current) - Number(a.slot === current))
    .map(({ projection, position }) => ({ projection, position: String(position) }));
  const preparing = events > 0 ? names[current] : undefined;
  return preparing === undefined ? handling : [{ projection: preparing, position: String(page), events }, ...handling];
}

/**
 * The last line of the log, in the format of the logger.
 * @param {ReturnType<typeof readBoard>} running
 * @param {{ readonly silentMs: number, readonly pid: number, readonly daemon: string, readonly time: string }} about
 */
export function lastLine(running, { silentMs, pid, daemon, time }) {
  const [first, ...others] = running;
  const msg = `the event loop has been blocked for ${Math.round(silentMs / 1000)} s, ${describeRunning(first)}: the process is ended`;
  const pending = others.length > 0 ? { pending: others } : {};
  return `${JSON.stringify({ level: 60, time, pid, daemon, ...first, ...pending, msg })}\n`;
}

/** @param {ReturnType<typeof readBoard>[number] | undefined} first */
function describeRunning(first) {
  if (first === undefined) return 'in no handler';
  const { projection, position, events } = first;
  if (events === undefined) return `in a handler of '${projection}' at position ${position}`;
  return `preparing a page of ${events} events for '${projection}', from position ${position} on (no handler)`;
}

/** @param {{ readonly memory: SharedArrayBuffer, readonly names: readonly string[], readonly daemon: string, readonly afterMs: number, readonly everyMs: number }} data */
function watch({ memory, names, daemon, afterMs, everyMs }) {
  const header = new Int32Array(memory, 0, 1);
  let last = { heartbeat: -1, silentMs: 0 };
  let polledAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    last = observeHeartbeat(last, { heartbeat: Atomics.load(header, 0), elapsedMs: now - polledAt, everyMs });
    polledAt = now;
    if (last.silentMs <= afterMs) return;
    clearInterval(timer);
    const about = { silentMs: last.silentMs, pid: process.pid, daemon, time: new Date().toISOString() };
    // Not synchronous: a full pipe without a reader would block this thread too.
    const end = () => process.kill(process.pid, 'SIGKILL');
    setTimeout(end, LAST_LINE_MS);
    write(2, lastLine(readBoard(memory, names), about), end);
  }, everyMs);
}

if (!isMainThread && workerData?.watchdog === true) watch(workerData);
