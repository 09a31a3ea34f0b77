import type { Observer } from '../../machines/observers.ts';
import type { PublisherSurroundings, RunningPublisher, StartPublisher } from '../daemon/publisher-port.ts';
import { connect, type Sql } from '../postgres/pool.ts';
import { Progress } from '../projector/progress.ts';
import { PublisherSupervisor } from './publisher-supervisor.ts';
import { openPublishingChannels, type PublishingChannels } from './publishing-channels.ts';
import { Relay } from './relay.ts';
import { Sender } from './sender.ts';
import { toStatus } from './status.ts';
import type { WindowLimits } from './window.ts';

export interface PublisherOptions {
  /** `amqp://…`, several for the nodes of one cluster. */
  readonly urls: readonly string[];
  /** Topic exchange, declared if it is not there. Default domain.events. */
  readonly exchange?: string;
  /** What may be in flight. Default 4000 messages, 8 MiB. */
  readonly limits?: WindowLimits;
  /** Milliseconds without any confirm after which a channel is given up for another one. Default 30000. */
  readonly confirmWithinMs?: number;
  /** Milliseconds until an event that the broker will not take is tried again. Default 60000. */
  readonly retryHaltedAfterMs?: number;
  /** Hears what the publisher's machine does. Default nobody. */
  readonly inspect?: Observer;
}

const BACKOFF = { baseMs: 200, capMs: 10_000 } as const;
const LIMITS: WindowLimits = { messages: 4000, bytes: 8 * 1024 * 1024 };
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
  const { database, schema, extensionSchemas, owner, highWaterMark, log } = around;
  const now = () => performance.now();
  const progress = new Progress(now);
  // One holds the publisher's row, one reads events, one may still be reading ahead for nothing.
  const sql = connect({
    address: database,
    schema,
    extensionSchemas,
    max: 3,
    answerWithinMs: ANSWER_MS,
    applicationName: `projectionist:publish:${owner}`,
  });
  let publishingChannels: PublishingChannels | null = null;
  const onSilence = (reason: string): void => publishingChannels?.reset(reason);
  const sender = new Sender({ reader: sql, highWaterMark, now, limits, confirmWithinMs, onSilence });
  const relay = new Relay({ sql, highWaterMark, sender, owner, progress });
  const { inspect } = options;
  const supervisor = new PublisherSupervisor({ operations: relay, backoff: BACKOFF, retryHaltedAfterMs, inspect, log });
  publishingChannels = openPublishingChannels({
    urls,
    exchange,
    name: `projectionist:publish:${owner}`,
    onOpen: (publishingChannel) => {
      relay.opened(publishingChannel);
      supervisor.send({ type: 'CONNECTED' });
    },
    onEnd: (reason) => {
      relay.ended();
      supervisor.send({ type: 'DISCONNECTED', reason });
    },
    onBlocked: (reason) => {
      relay.blocked(true);
      supervisor.send({ type: 'BLOCKED', reason });
    },
    onUnblocked: () => {
      relay.blocked(false);
      supervisor.send({ type: 'UNBLOCKED' });
    },
  });
  return running({ supervisor, publishingChannels, sql, sender, highWaterMark, progress });
}

interface Parts extends Pick<PublisherSurroundings, 'highWaterMark'> {
  readonly supervisor: PublisherSupervisor;
  readonly publishingChannels: PublishingChannels;
  readonly sql: Sql;
  readonly sender: Sender;
  readonly progress: Progress;
}

function running({ supervisor, publishingChannels, sql, sender, highWaterMark, progress }: Parts): RunningPublisher {
  let stopped: Promise<void> | null = null;

  async function stop(): Promise<void> {
    await supervisor.drain(DRAIN_MS);
    await publishingChannels.close();
    supervisor.end();
    await sql.end({ timeout: 5 });
  }

  return {
    wake: () => supervisor.send({ type: 'WAKE' }),
    status: (row) =>
      toStatus({
        snapshot: supervisor.snapshot(),
        row,
        head: highWaterMark.latest(),
        inFlight: sender.inFlight,
        silentMs: sender.silentMs,
        ratePerSecond: progress.ratePerSecond,
      }),
    connections: () => sql.counts(),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
