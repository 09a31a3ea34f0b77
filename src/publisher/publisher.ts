import type { Observer } from '../../machines/observers.ts';
import { systemClock } from '../core/clock.ts';
import type { PublisherSurroundings, RunningPublisher, StartPublisher } from '../daemon/publisher-port.ts';
import { readRawPage } from '../event-store/read.ts';
import { connect, type Sql } from '../postgres/pool.ts';
import { Progress } from '../projector/progress.ts';
import { EventPrefetcher } from './event-prefetcher.ts';
import { PublisherSupervisor } from './publisher-supervisor.ts';
import { openPublishingChannels, type PublishingChannels } from './publishing-channels.ts';
import { Relay } from './relay.ts';
import { Sender } from './sender.ts';
import { toStatus } from './status.ts';
import type { WindowLimits } from './window.ts';

export interface PublisherOptions {
  /** `amqp://…`; several URLs name the nodes of one cluster. */
  readonly urls: readonly string[];
  /** Topic exchange, declared if it does not exist. Default domain.events. */
  readonly exchange?: string;
  /** What may be in flight. Default 4000 messages, 8 MiB. */
  readonly limits?: WindowLimits;
  /** Milliseconds without any confirm after which a channel is replaced by another one. Default 30000. */
  readonly confirmWithinMs?: number;
  /** Milliseconds until an event that the broker does not accept is tried again. Default 60000. */
  readonly retryHaltedAfterMs?: number;
  /** Receives what the publisher's machine does. Default: none. */
  readonly inspect?: Observer;
}

const BACKOFF = { baseMs: 200, capMs: 10_000 } as const;
const LIMITS: WindowLimits = { messages: 4000, bytes: 8 * 1024 * 1024 };
/** Milliseconds after which an answer of the database counts as lost. */
const ANSWER_MS = 30_000;
/** Milliseconds that stopping waits for a batch to end. */
const DRAIN_MS = 8000;

/** For `createDaemon({ publisher })`: relays every event of the store to a topic exchange, in order, at least once. */
export function publisher(options: PublisherOptions): StartPublisher {
  return (around) => start(options, around);
}

function start(options: PublisherOptions, around: PublisherSurroundings): RunningPublisher {
  const { urls, exchange = 'domain.events', limits = LIMITS } = options;
  const { confirmWithinMs = 30_000, retryHaltedAfterMs = 60_000 } = options;
  const { database, schema, extensionSchemas, owner, highWaterMark, log } = around;
  const clock = systemClock;
  const progress = new Progress(clock.now);
  // One locks the publisher's row, one reads events, and one may still be reading a page that is no longer wanted.
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
  const events = new EventPrefetcher((request) => readRawPage(sql, request), highWaterMark);
  const sender = new Sender({ events, clock, limits, confirmWithinMs, onSilence });
  const relay = new Relay({ sql, highWaterMark, sender, owner, progress });
  const { inspect } = options;
  const supervisor = new PublisherSupervisor({
    operations: relay,
    backoff: BACKOFF,
    retryHaltedAfterMs,
    inspect,
    log,
    clock,
  });
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
