// @ts-check
// The watchdog's own thread: sees that the main one no longer comes round, says what it was at, and ends the process. Plain
// JavaScript, since a thread begins from a file that Node can run as it is, in tests too.
import { write } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

/** Milliseconds that the last words may take: whoever reads them may be stuck as well. */
const LAST_WORDS_MS = 1000;

/**
 * How long the other thread has been silent, as of this look. The time since the last look counts as twice the usual at
 * most: if this thread came late as well, the whole process (SIGSTOP) or machine (suspended) stood still, and nobody is
 * to blame.
 * @param {{ readonly heartbeat: number, readonly silentMs: number }} before
 * @param {{ readonly heartbeat: number, readonly elapsedMs: number, readonly everyMs: number }} now
 * @returns {{ readonly heartbeat: number, readonly silentMs: number }}
 */
export function listenOnce(before, { heartbeat, elapsedMs, everyMs }) {
  if (heartbeat !== before.heartbeat) return { heartbeat, silentMs: 0 };
  return { heartbeat, silentMs: before.silentMs + Math.min(elapsedMs, 2 * everyMs) };
}

/**
 * What the board of `src/projector/handler-board.ts` says: what ran last first, then async handlers that are pending.
 * `events`: it was no handler, but the planning and encoding of a page of so many.
 * @param {SharedArrayBuffer} memory
 * @param {readonly string[]} names
 * @returns {readonly { readonly projection: string, readonly position: string, readonly events?: number }[]}
 */
export function readBoard(memory, names) {
  const [, current = -1, events = 0] = new Int32Array(memory, 0, 4);
  const [page, ...positions] = new BigInt64Array(memory, 16);
  const handling = names
    .map((projection, place) => ({ projection, place, position: positions[place] ?? 0n }))
    .filter(({ position }) => position !== 0n)
    .sort((a, b) => Number(b.place === current) - Number(a.place === current))
    .map(({ projection, position }) => ({ projection, position: String(position) }));
  const preparing = events > 0 ? names[current] : undefined;
  return preparing === undefined ? handling : [{ projection: preparing, position: String(page), events }, ...handling];
}

/**
 * The last line of the log, as the logger would have written it.
 * @param {ReturnType<typeof readBoard>} running
 * @param {{ readonly silentMs: number, readonly pid: number, readonly daemon: string, readonly time: string }} about
 */
export function lastWords(running, { silentMs, pid, daemon, time }) {
  const [first, ...others] = running;
  const msg = `the event loop has been blocked for ${Math.round(silentMs / 1000)} s, ${whereOf(first)}: the process is ended`;
  const pending = others.length > 0 ? { pending: others } : {};
  return `${JSON.stringify({ level: 60, time, pid, daemon, ...first, ...pending, msg })}\n`;
}

/** @param {ReturnType<typeof readBoard>[number] | undefined} first */
function whereOf(first) {
  if (first === undefined) return 'in no handler';
  const { projection, position, events } = first;
  if (events === undefined) return `in a handler of '${projection}' at position ${position}`;
  return `preparing a page of ${events} events for '${projection}', from position ${position} on (no handler)`;
}

/** @param {{ readonly memory: SharedArrayBuffer, readonly names: readonly string[], readonly daemon: string, readonly afterMs: number, readonly everyMs: number }} data */
function watch({ memory, names, daemon, afterMs, everyMs }) {
  const header = new Int32Array(memory, 0, 1);
  let heard = { heartbeat: -1, silentMs: 0 };
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    heard = listenOnce(heard, { heartbeat: Atomics.load(header, 0), elapsedMs: now - lookedAt, everyMs });
    lookedAt = now;
    if (heard.silentMs <= afterMs) return;
    clearInterval(timer);
    const about = { silentMs: heard.silentMs, pid: process.pid, daemon, time: new Date().toISOString() };
    // Not synchronous: with a full pipe and no reader this thread would be blocked as well.
    const end = () => process.kill(process.pid, 'SIGKILL');
    setTimeout(end, LAST_WORDS_MS);
    write(2, lastWords(readBoard(memory, names), about), end);
  }, everyMs);
}

if (!isMainThread && workerData?.watchdog === true) watch(workerData);
