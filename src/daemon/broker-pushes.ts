import { type Observable, tap } from 'rxjs';
import { createActor } from 'xstate';
import { brokerMachine } from '../../machines/broker.ts';
import { type Observer, observers } from '../../machines/observers.ts';
import type { BrokerStatus } from '../core/broker.ts';
import { EngineError, isEngineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Projection } from '../core/projection.ts';
import type { CommandOutcome } from '../core/status.ts';
import { type ControlQueue, openControlQueue } from '../feed/control-queue.ts';
import type { Push } from '../feed/push.ts';
import { openPushes } from '../feed/pushes.ts';
import type { WakeupMetrics } from '../feed/wakeup-metrics.ts';

/** Where pushes come from. A daemon without these options polls and listens, and misses nothing. */
export interface BrokerOptions {
  /** `amqp://` or `amqps://`; several nodes of one cluster. */
  readonly urls: readonly string[];
  /** Durable topic exchange. Default domain.events. */
  readonly exchange?: string;
  /** Queue whose messages may reset projections. Default none. */
  readonly controlQueue?: string | null;
  /** Seconds; a silent broker is found out after two to three of them. Default 5. */
  readonly heartbeatSeconds?: number;
  /** Hears what the machine of the connection does. Default nobody. */
  readonly inspect?: Observer;
}

export interface BrokerParts extends BrokerOptions {
  /** Of the daemon: shown by the broker beside the connection. */
  readonly id: string;
  readonly projections: readonly Projection[];
  /** @throws EngineError PROJECTION_UNKNOWN, COMMAND_TIMEOUT, DAEMON_STOPPED */
  readonly reset: (name: string) => Promise<CommandOutcome>;
  readonly hints: WakeupMetrics;
  readonly log: Log;
}

/** The broker as the daemon has it: pushes, and how the connection stands. */
export interface Broker {
  readonly push$: Observable<Push>;
  status(): BrokerStatus;
  /** Within a few seconds, whatever the broker does. */
  stop(): Promise<void>;
}

const CONNECT_MS = 10_000;
/** Messages that are nothing to us are told this often, however many there are: anybody may send them. */
const SAMPLE_MS = 60_000;

/** Begins to connect; comes back at once. A broker that is away, or refuses us, is a matter of the status alone. */
export function startBroker(parts: BrokerParts): Broker {
  const { urls, exchange = 'domain.events', controlQueue = null, id, projections, hints, log } = parts;
  const link = { urls, ...(parts.heartbeatSeconds === undefined ? {} : { heartbeatSeconds: parts.heartbeatSeconds }) };
  const actor = watchedActor(log, parts.inspect);
  const eventNames = projections.flatMap(({ handlers }) => [...handlers.keys()]);
  const pushes = openPushes({ ...link, name: `projectionist:${id}:pushes`, exchange, eventNames });
  const events = pushes.link$.subscribe((event) => actor.send(event));
  const complain = sampled(SAMPLE_MS, (count) =>
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
        if (push.kind !== 'event' && push.kind !== 'unknown') complain();
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

/** Sends the RESET and tells how it ended; rejects when this daemon is stopping, so that the message stays. */
async function carryOut({ reset, hints, log }: BrokerParts, name: string): Promise<void> {
  try {
    const outcome = await reset(name);
    if (outcome.kind === 'failed') throw new EngineError('RESET_FAILED', { name, reason: outcome.message });
    hints.controlled('carriedOut');
    log.info({ projection: name }, 'reset by the control queue');
  } catch (error) {
    if (isEngineError(error, 'DAEMON_STOPPED')) throw error;
    hints.controlled('failed');
    log.error({ projection: name, err: error }, 'a reset that the control queue asked for was not carried out');
  }
}

function refused({ hints, log }: BrokerParts): (reason: string) => void {
  let last = '';
  const complain = sampled(SAMPLE_MS, (count) =>
    log.warn({ count, reason: last }, 'messages in the control queue that ask for nothing; they were acked'),
  );
  return (reason) => {
    last = reason;
    hints.controlled('refused');
    complain();
  };
}

/** Calls through at once, then at most every so often, with how many calls it stands for. */
function sampled(everyMs: number, tell: (count: number) => void): () => void {
  let count = 0;
  let until = -Infinity;
  return () => {
    count += 1;
    if (performance.now() < until) return;
    until = performance.now() + everyMs;
    tell(count);
    count = 0;
  };
}
