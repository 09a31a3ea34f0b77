import { on, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { EngineError } from '../core/errors.ts';
import { PUBLISHER_NAME } from '../core/publisher.ts';
import { type DaemonAddress, RefusedError } from './client.ts';
import { type Output, oneLine } from './terminal.ts';

export interface WatchStatesOptions {
  /** Asked again after each loss: the daemon may come back on another port and with another token. */
  readonly find: () => Promise<DaemonAddress>;
  /** Undefined: all of them. */
  readonly name: string | undefined;
  /** Ends it, without an error. */
  readonly signal: AbortSignal;
  readonly stdout: Output;
  /** Milliseconds between attempts to find the daemon again. Default 1000. */
  readonly retryMs?: number;
}

/** Of the frames of `/inspect` what is needed here; others, and fields of a newer daemon, are passed over. */
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
 * `projectionist watch --states`: a line for each transition as it happens, as the inspector tells it. It goes on over a
 * restart of the daemon.
 * @throws EngineError DAEMON_UNREACHABLE; RefusedError: what the first attempt says
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
    if (!isLost) stdout.write(`${stamp(Date.now())} lost the daemon, looking for it again\n`);
    isLost = true;
    await pause(retryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns every message, until the connection ends */
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
    refused = refusal(response.statusCode ?? 0);
    socket.terminate();
  });
  // Before it is open: the first messages come together with the answer that opens it.
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
  const told = lines(name);
  for await (const [data] of messages) {
    const frame = frameSchema.safeParse(parsed(String(data)));
    const line = frame.success ? told(frame.data) : null;
    if (line !== null) stdout.write(`${oneLine(line)}\n`);
  }
}

/** Turns frames into lines; null for what is no news. Actors without a state of their own are no machines. */
function lines(only: string | undefined): (frame: Frame) => string | null {
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

/** XState names the end of an operation and of a wait by where they belong: that they ended is what matters here. */
function shownCause(type: string): string {
  const [, what = type] = /^xstate\.(init|stop|done|error|after\.[^.]*)/.exec(type) ?? [];
  return what === 'init' ? '' : what.replace('.', ' ');
}

function refusal(status: number): RefusedError {
  if (status === 401) {
    return new RefusedError(
      status,
      'TOKEN_WRONG',
      'the daemon wants its token: set PROJECTIONIST_TOKEN to the one it was started with',
    );
  }
  return status === 404
    ? new RefusedError(status, 'NOT_FOUND', 'this daemon lets nobody look inside: start it without INSPECT=off')
    : new RefusedError(status, 'NOT_A_DAEMON', `the answer was ${status}: check PROJECTIONIST_URL`);
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
