import { on, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { type DaemonAddress, RefusedError, refusalOf } from './client.ts';
import { type Output, oneLine } from './terminal.ts';

export interface WatchStatesOptions {
  /** Finds the daemon. Called again after each loss: a restarted daemon may have another port and another token. */
  readonly find: () => Promise<DaemonAddress>;
  /** Undefined: every projection. */
  readonly name: string | undefined;
  /** Ends the lines, without an error. */
  readonly signal: AbortSignal;
  readonly stdout: Output;
  /** Milliseconds between attempts to find the daemon again. Default 1000. */
  readonly retryMs?: number;
}

/** The fields of an `/inspect` frame that are read here. Other frames, and fields of a newer daemon, are ignored. */
const frameSchema = z.object({
  type: z.enum(['@xstate.actor', '@xstate.snapshot']),
  sessionId: z.string(),
  createdAt: z.string(),
  name: z.string().optional(),
  snapshot: z.object({ status: z.string(), value: z.unknown() }),
  event: z.object({ type: z.string() }).optional(),
});
type Frame = z.output<typeof frameSchema>;

const HANDSHAKE_MS = 10_000;

/**
 * Writes a line for each transition, from the frames of the inspector. Goes on over a restart of the daemon.
 * @throws EngineError DAEMON_UNREACHABLE; RefusedError: errors of the first connection
 */
export async function watchStates(options: WatchStatesOptions): Promise<void> {
  const { find, signal, stdout, retryMs = 1000 } = options;
  let begun = false;
  let isLost = false;
  while (!signal.aborted) {
    try {
      const messages = await connect(await find(), signal);
      if (isLost) stdout.write(`${stamp(Date.now())} the daemon answers again\n`);
      begun = true;
      isLost = false;
      await writeLines(messages, options);
    } catch (error) {
      if (signal.aborted) return;
      if (!begun) throw error;
    }
    if (signal.aborted) return;
    if (!isLost) stdout.write(`${stamp(Date.now())} lost the daemon, searching for it\n`);
    isLost = true;
    await pause(retryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns the messages, until the connection ends */
async function connect({ url, token }: DaemonAddress, signal: AbortSignal): Promise<AsyncIterable<unknown[]>> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/inspect`, {
    handshakeTimeout: HANDSHAKE_MS,
    ...(token === null ? {} : { headers: { authorization: `Bearer ${token}` } }),
  });
  const end = () => socket.terminate();
  signal.addEventListener('abort', end, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', end));
  let refused: RefusedError | null = null;
  socket.on('unexpected-response', (_, response) => {
    refused = inspectRefusal(response.statusCode ?? 0);
    socket.terminate();
  });
  // Before the socket is open: the first messages arrive together with the answer that opens it.
  const messages = on(socket, 'message', { signal, close: ['close'] });
  try {
    await once(socket, 'open', { signal });
    return messages;
  } catch (error) {
    socket.on('error', () => undefined);
    throw refused ?? new EngineError('DAEMON_UNREACHABLE', { url }, { cause: error });
  }
}

async function writeLines(
  messages: AsyncIterable<unknown[]>,
  { name, stdout }: Pick<WatchStatesOptions, 'name' | 'stdout'>,
): Promise<void> {
  const lineOf = describeFrames(name);
  for await (const [data] of messages) {
    const frame = frameSchema.safeParse(parsed(String(data)));
    const line = frame.success ? lineOf(frame.data) : null;
    if (line !== null) stdout.write(`${oneLine(line)}\n`);
  }
}

/** Turns a frame into a line; null when no state has changed. An actor whose snapshot has no value is no state machine. */
function describeFrames(only: string | undefined): (frame: Frame) => string | null {
  const names = new Map<string, string>();
  const last = new Map<string, string>();
  return ({ type, sessionId, createdAt, name, snapshot, event }) => {
    if (type === '@xstate.actor') {
      if (snapshot.value !== undefined && name !== undefined) names.set(sessionId, shownName(name));
      return null;
    }
    const known = names.get(sessionId);
    if (known === undefined || (only !== undefined && known !== only)) return null;
    const to = snapshot.status === 'active' ? shownState(snapshot.value) : `ended (${snapshot.status})`;
    const from = last.get(sessionId);
    last.set(sessionId, to);
    if (from === to) return null;
    const cause = shownCause(event?.type ?? '');
    const states = from === undefined ? to : `${from} -> ${to}`;
    return `${stamp(Number(createdAt))} ${known} ${states}${from === undefined || cause === '' ? '' : ` (${cause})`}`;
  };
}

function shownName(actor: string): string {
  return actor === 'publisher' ? PUBLISHER_NAME : actor.replace(/^projection\./, '');
}

function shownState(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.entries(value).flat().join('.') : String(value);
}

/** XState adds the id of the actor or the delay to `done`, `error` and `after`; the line leaves it out. */
function shownCause(type: string): string {
  const [, what = type] = /^xstate\.(init|stop|done|error|after\.[^.]*)/.exec(type) ?? [];
  return what === 'init' ? '' : what.replace('.', ' ');
}

function inspectRefusal(status: number): RefusedError {
  return status === 404
    ? new RefusedError(status, 'NOT_FOUND', 'this daemon shows no state machines: start it without INSPECT=off')
    : refusalOf(status, null);
}

function stamp(ms: number): string {
  return new Date(Number.isFinite(ms) ? ms : 0).toISOString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
