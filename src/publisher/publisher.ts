import { type Actor, createActor, waitFor } from 'xstate';
import { publisherMachine } from '../../machines/publisher.ts';
import { PUBLISHER_NAME, type PublisherStatus } from '../core/publisher.ts';
import { type Observer, observers } from '../engine/observers.ts';
import { Progress } from '../engine/progress.ts';
import type { PublisherSurroundings, RunningPublisher, StartPublisher } from '../engine/publisher-port.ts';
import { connect, type Sql } from '../store/connect.ts';
import { type Outlets, openOutlets } from './outlets.ts';
import { Relay } from './relay.ts';
import { Sender } from './sender.ts';
import { readPublisher, toStatus } from './status.ts';
import type { WindowLimits } from './window.ts';

export interface PublisherOptions {
  /** `amqp://…`, several for the nodes of one cluster. */
  readonly urls: readonly string[];
  /** Topic exchange, declared if it is not there. Default domain.events. */
  readonly exchange?: string;
  /** What may be in flight. Default 2000 messages, 8 MiB. */
  readonly limits?: WindowLimits;
  /** Milliseconds without any confirm after which a channel is given up for another one. Default 30000. */
  readonly confirmWithinMs?: number;
  /** Milliseconds until an event that the broker will not take is tried again. Default 60000. */
  readonly retryHaltedAfterMs?: number;
  /** Hears what the publisher's machine does. Default nobody. */
  readonly inspect?: Observer;
}

const BACKOFF = { baseMs: 200, capMs: 10_000 } as const;
const LIMITS: WindowLimits = { messages: 2000, bytes: 8 * 1024 * 1024 };
/** Milliseconds until an answer of the database counts as lost. */
const ANSWER_MS = 30_000;
/** Milliseconds that stopping waits for a spell to end. */
const DRAIN_MS = 8000;

/** For `createDaemon({ publisher })`: relays every event of the store to a topic exchange, in order, at least once. */
export function publisher(options: PublisherOptions): StartPublisher {
  return (around) => start(options, around);
}

function start(options: PublisherOptions, around: PublisherSurroundings): RunningPublisher {
  const { urls, exchange = 'domain.events', limits = LIMITS } = options;
  const { confirmWithinMs = 30_000, retryHaltedAfterMs = 60_000 } = options;
  const { database, schema, owner, heads, log } = around;
  const now = () => performance.now();
  const progress = new Progress(now);
  // One holds the publisher's row, one reads events, one is for status.
  const sql = connect({
    address: database,
    schema,
    max: 3,
    answerWithinMs: ANSWER_MS,
    applicationName: `projectionist:publish:${owner}`,
  });
  let outlets: Outlets | null = null;
  const onSilence = (reason: string): void => outlets?.reset(reason);
  const sender = new Sender({ reader: sql, heads, now, limits, confirmWithinMs, onSilence });
  const relay = new Relay({ sql, heads, sender, owner, progress });
  const actor = createActor(publisherMachine, {
    ...observers(options.inspect),
    input: { hands: relay, backoff: BACKOFF, retryHaltedAfterMs },
  });
  actor.subscribe({
    next: tell(log),
    // Without this a bug in the machine would end the process as an uncaught exception.
    error: (error) => log.error({ err: error }, 'the publisher died; restart the daemon'),
  });
  actor.start();
  actor.send({ type: 'START' });
  outlets = openOutlets({
    urls,
    exchange,
    name: `projectionist:publish:${owner}`,
    onOpen: (outlet) => {
      relay.opened(outlet);
      actor.send({ type: 'CONNECTED' });
    },
    onEnd: (reason) => {
      relay.ended();
      actor.send({ type: 'DISCONNECTED', reason });
    },
    onBlocked: (reason) => {
      relay.blocked(true);
      actor.send({ type: 'BLOCKED', reason });
    },
    onUnblocked: () => {
      relay.blocked(false);
      actor.send({ type: 'UNBLOCKED' });
    },
  });
  return running({ actor, outlets, sql, sender, heads, progress });
}

interface Parts extends Pick<PublisherSurroundings, 'heads'> {
  readonly actor: Actor<typeof publisherMachine>;
  readonly outlets: Outlets;
  readonly sql: Sql;
  readonly sender: Sender;
  readonly progress: Progress;
}

function running({ actor, outlets, sql, sender, heads, progress }: Parts): RunningPublisher {
  let stopped: Promise<void> | null = null;

  async function stop(): Promise<void> {
    actor.send({ type: 'STOP' });
    await waitFor(actor, (snapshot) => snapshot.status !== 'active' || snapshot.matches('stopped'), {
      timeout: DRAIN_MS,
    }).catch(() => undefined);
    await outlets.close();
    actor.stop();
    await sql.end({ timeout: 5 });
  }

  return {
    wake: () => actor.send({ type: 'WAKE' }),
    status: async (): Promise<PublisherStatus> =>
      toStatus({
        snapshot: actor.getSnapshot(),
        row: await readPublisher(sql),
        head: heads.latest() ?? 0n,
        inFlight: sender.inFlight,
        silentMs: sender.silentMs,
        ratePerSecond: progress.ratePerSecond,
      }),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Says in the log when the state or its reason changes; that it publishes and rests is nothing new. */
function tell(log: PublisherSurroundings['log']) {
  let last = '';
  return ({ value, context }: { readonly value: unknown; readonly context: { readonly detail: string | null } }) => {
    const state = String(value);
    const { detail } = context;
    const now = `${state} ${detail ?? ''}`;
    if (now === last) return;
    last = now;
    const level = state === 'halted' ? 'error' : detail === null || state === 'standby' ? 'debug' : 'warn';
    log[level]({ publisher: PUBLISHER_NAME, state, detail }, 'publisher');
  };
}
