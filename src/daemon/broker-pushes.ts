import { type Observable, tap } from 'rxjs';
import { createActor } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { type Observer, observers } from '../../machines/observers.ts';
import type { BrokerStatus } from '../core/broker.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { CommandOutcome } from '../core/status.ts';
import { type ControlQueue, openControlQueue } from '../feed/control-queue.ts';
import type { Push } from '../feed/push.ts';
import { openPushes } from '../feed/pushes.ts';
import type { WakeupMetrics } from '../feed/wakeup-metrics.ts';

/** The source of pushes. A daemon without these options polls and listens for NOTIFY, and misses no event. */
export interface BrokerOptions {
  /** `amqp://…` or `amqps://…`; several URLs name the nodes of one cluster. */
  readonly urls: readonly string[];
  /** Durable topic exchange. Default domain.events. */
  readonly exchange?: string;
  /** Queue whose messages may reset projections. Default none. */
  readonly controlQueue?: string | null;
  /** Seconds between heartbeats; a silent broker is detected after two to three of them. Default 5. */
  readonly heartbeatSeconds?: number;
  /** Receives what the machine of the connection does. Default: none. */
  readonly inspect?: Observer;
}

export interface BrokerParts extends BrokerOptions {
  /** Id of the daemon, which the broker shows beside the connection. */
  readonly id: string;
  readonly projections: readonly Projection[];
  /** @throws EngineError PROJECTION_UNKNOWN, COMMAND_TIMEOUT, DAEMON_STOPPED */
  readonly reset: (name: string) => Promise<CommandOutcome>;
  readonly hints: WakeupMetrics;
  readonly log: Log;
}

/** Pushes, and the state of the connection. */
export interface Broker {
  readonly push$: Observable<Push>;
  status(): BrokerStatus;
  /** Within a few seconds, whatever the broker does. */
  stop(): Promise<void>;
}

const CONNECT_MS = 10_000;
/** Messages without use are logged at most this often: any sender may flood the queue with them. */
const SAMPLE_MS = 60_000;

/** Starts to connect and returns at once. A broker that is away or refuses the connection shows in the status alone. */
export function startBroker(parts: BrokerParts): Broker {
  const { urls, exchange = 'domain.events', controlQueue = null, id, projections, hints, log } = parts;
  const link = { urls, ...(parts.heartbeatSeconds === undefined ? {} : { heartbeatSeconds: parts.heartbeatSeconds }) };
  const actor = watchedActor(log, parts.inspect);
  const eventNames = projections.flatMap(({ handlers }) => [...handlers.keys()]);
  const pushes = openPushes({ ...link, name: `projectionist:${id}:pushes`, exchange, eventNames });
  const events = pushes.link$.subscribe((event) => actor.send(event));
  const warnSampled = sampled(SAMPLE_MS, (count) =>
    log.warn({ exchange, count, pushes: hints.metrics(0n).pushes }, 'messages that are no events; they were acked'),
  );
  let refusedQueue: string | null = null;
  const control = controlQueue === null ? null : openControl(controlQueue);
  const controlEvents = control?.link$.subscribe((event) => {
    if (event.type === 'READY') refusedQueue = null;
    else if (event.type === 'FAILED') refusedQueue = `control queue '${controlQueue}': ${event.reason}`;
  });

  function openControl(queue: string): ControlQueue {
    const name = `projectionist:${id}:control`;
    return openControlQueue({ ...link, name, queue, reset: (one) => carryOut(parts, one), onRefused: refused(parts) });
  }

  return {
    push$: pushes.push$.pipe(
      tap((push) => {
        hints.pushed(push);
        if (push.kind !== 'event' && push.kind !== 'unknown') warnSampled();
      }),
    ),
    status: () => {
      const { value, context } = actor.getSnapshot();
      return { state: value, detail: context.detail ?? refusedQueue };
    },
    stop: async () => {
      await Promise.all([pushes.close(), control?.close()]);
      events.unsubscribe();
      controlEvents?.unsubscribe();
      actor.stop();
    },
  };
}

/** The machine of the connection, whose changes of state are logged. */
function watchedActor(log: Log, inspect: Observer | undefined) {
  const actor = createActor(brokerMachine, { ...observers(inspect), input: { connectWithinMs: CONNECT_MS } });
  let from = 'connecting';
  actor.subscribe({
    next: ({ value, context: { detail } }) => {
      if (value === from) return log.debug({ state: value, detail }, 'broker');
      log[value === 'healthy' ? 'info' : 'warn']({ from, to: value, detail }, 'broker transition');
      from = value;
    },
    error: (error) => log.error({ err: error }, 'the machine of the broker died; its status is no longer true'),
  });
  actor.start();
  return actor;
}

/** Sends the RESET and logs how it ended; rejects if this daemon is stopping, so that the message stays. */
async function carryOut({ reset, hints, log }: BrokerParts, name: string): Promise<void> {
  try {
    const outcome = await reset(name);
    if (outcome.kind === 'failed') throw new EngineError('RESET_FAILED', { name, reason: outcome.message });
    hints.controlled('carriedOut');
    log.info({ projection: name }, 'reset by the control queue');
  } catch (error) {
    if (isEngineError(error, 'DAEMON_STOPPED')) throw error;
    hints.controlled('failed');
    log.error(
      { projection: name, err: error },
      'a reset that a message of the control queue requested was not carried out',
    );
  }
}

function refused({ hints, log }: BrokerParts): (reason: string) => void {
  let last = '';
  const warnSampled = sampled(SAMPLE_MS, (count) =>
    log.warn({ count, reason: last }, 'messages in the control queue that request no reset; they were acked'),
  );
  return (reason) => {
    last = reason;
    hints.controlled('refused');
    warnSampled();
  };
}

/** Calls `report` at once, then at most once in `everyMs`, with the number of calls since the last report. */
function sampled(everyMs: number, report: (count: number) => void, clock: Clock = systemClock): () => void {
  let count = 0;
  let until = -Infinity;
  return () => {
    count += 1;
    if (clock.now() < until) return;
    until = clock.now() + everyMs;
    report(count);
    count = 0;
  };
}
