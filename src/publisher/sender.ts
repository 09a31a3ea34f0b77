import type { Clock } from '../core/clock.ts';
import type { RelayOutcome } from '../core/publisher.ts';
import type { RawEvent } from '../event-store/read.ts';
import type { EventPrefetcher } from './event-prefetcher.ts';
import { toMessage } from './message.ts';
import type { PublishingChannel } from './publishing-channel.ts';
import { WakeSignal } from './wake-signal.ts';
import { SendWindow, type WindowLimits } from './window.ts';

/** What the sender needs of a channel. */
export type SendChannel = Pick<PublishingChannel, 'end' | 'publish'>;

export interface SenderOptions {
  readonly events: Pick<EventPrefetcher, 'next' | 'ready' | 'invalidate'>;
  readonly clock: Clock;
  readonly limits: WindowLimits;
  /** Milliseconds without an answer after which a channel counts as dead. */
  readonly confirmWithinMs: number;
  /** Called when the channel counts as dead. */
  readonly onSilence: (reason: string) => void;
}

/** Milliseconds of one batch: the row is locked for so long, and so much is sent again after a crash. */
const BATCH_MS = 500;
/** Milliseconds that a batch waits for its last confirms; also when the daemon stops. */
const LAST_CONFIRMS_MS = 2000;
/** Messages sent without a break; after them the projections of this process get their turn. */
const BURST = 100;
const PRECONDITION_FAILED = 406;

/** Why a batch sends no more; the last one has the event that AMQP cannot carry. */
type BatchEnd = 'empty' | 'time' | 'changed' | { readonly event: RawEvent; readonly reason: string };

/** Sends events over one channel after another, and counts what is confirmed. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #window: SendWindow;
  readonly #wakeSignal: WakeSignal;
  #channel: SendChannel | null = null;
  #blocked = false;
  #lastEvent: RawEvent | null = null;
  /** From when the silence of the broker counts: its last answer, or the first message or the last block after that. */
  #answeredAt = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#window = new SendWindow(options.limits);
    this.#wakeSignal = new WakeSignal(options.clock);
  }

  /** Every event up to here is confirmed. */
  get confirmed(): bigint {
    return this.#window.prefix;
  }

  get inFlight(): number {
    return this.#window.inFlight;
  }

  /** Milliseconds since the last answer of the broker; 0 when no answer is due. */
  get silentMs(): number {
    return this.#window.unanswered === 0 ? 0 : this.#options.clock.now() - this.#answeredAt;
  }

  /** Whether the messages in flight over this channel still count, so that none has to be sent again. */
  canContinue(channel: SendChannel): boolean {
    return this.#channel === channel && channel.end === null && !this.#window.refused;
  }

  /** From now on sends over this channel, from the first event after this position. */
  startFrom(channel: SendChannel, cursor: bigint): void {
    this.#options.events.invalidate();
    this.#window.startFrom(cursor);
    this.#channel = channel;
  }

  /** The broker blocks publishers, or has ended that. It confirms what is in flight after the block. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
    this.#answeredAt = this.#options.clock.now();
    this.#wakeSignal.wake();
  }

  /** Sends for a moment, and waits for confirms when there is no more to send. Rejects when events cannot be read. */
  async sendBatch(channel: SendChannel, signal: AbortSignal): Promise<RelayOutcome> {
    const before = this.#window.prefix;
    const end = await this.#send(channel, signal);
    if (end !== 'time') await this.#awaitAnswers(channel);
    return this.#outcome(end, channel, signal, this.#window.prefix > before);
  }

  async #send(channel: SendChannel, signal: AbortSignal): Promise<BatchEnd> {
    const { clock, events } = this.#options;
    const until = clock.now() + BATCH_MS;
    for (let sent = 1; ; sent += 1) {
      const event = events.ready(this.#window.last) ?? (await events.next(this.#window.last));
      if (event === null) return 'empty';
      const message = toMessage(event, this.#window.last);
      if (typeof message === 'string') return { event, reason: message };
      if (sent % BURST === 0) await new Promise<void>((resolve) => clock.soon(resolve));
      while (!this.#window.hasRoom() && this.#maySend(channel, signal) && clock.now() < until)
        await this.#wakeSignal.wait(until - clock.now(), signal);
      if (!this.#maySend(channel, signal)) return 'changed';
      if (clock.now() >= until) return 'time';
      const reason = this.#publish(channel, event, message);
      if (reason !== null) return { event, reason };
    }
  }

  /** @returns why the driver cannot encode the message; it does not count as sent then, since it is never answered */
  #publish(channel: SendChannel, event: RawEvent, message: Exclude<ReturnType<typeof toMessage>, string>) {
    const { clock } = this.#options;
    const window = this.#window;
    if (window.inFlight === 0) this.#answeredAt = clock.now();
    const reason = channel.publish(message, (accepted) => {
      if (accepted) window.confirm(sent);
      else window.refuse(sent);
      this.#answeredAt = clock.now();
      this.#wakeSignal.wake();
    });
    if (reason !== null) return reason;
    const sent = window.send(event.position, message.content.length);
    this.#lastEvent = event;
    return null;
  }

  #maySend(channel: SendChannel, signal: AbortSignal): boolean {
    return !signal.aborted && channel.end === null && !this.#blocked && !this.#window.refused;
  }

  /** Waits for an answer to every message, also after a refusal: answers behind it do not count, but their messages take up room. */
  async #awaitAnswers(channel: SendChannel): Promise<void> {
    const { clock } = this.#options;
    const until = clock.now() + LAST_CONFIRMS_MS;
    while (this.#window.unanswered > 0 && channel.end === null && !this.#blocked && clock.now() < until)
      await this.#wakeSignal.wait(until - clock.now(), NEVER);
  }

  #outcome(end: BatchEnd, channel: SendChannel, signal: AbortSignal, progressed: boolean): RelayOutcome {
    const window = this.#window;
    if (channel.end !== null) {
      // The broker closed the channel because of a message. With one message in flight it is known which.
      if (channel.end.code === PRECONDITION_FAILED) {
        if (this.#lastEvent !== null && window.inFlight === 1) return halted(this.#lastEvent, channel.end.reason);
        window.sendOneAtATime();
      }
      // Without a backoff the broker would give the same answer at once, for example that publishing is not permitted.
      if (channel.end.code !== null) return { kind: 'refused', progressed, detail: channel.end.reason };
      return { kind: 'disconnected' };
    }
    if (window.refused)
      return { kind: 'refused', progressed, detail: `a queue refused the event after ${window.prefix}` };
    if (this.#blocked) return { kind: 'blocked' };
    if (signal.aborted) return { kind: 'stopped' };
    if (window.inFlight === 0 && end === 'empty') return { kind: 'published' };
    if (window.inFlight === 0 && typeof end === 'object') return halted(end.event, end.reason);
    if (this.silentMs > this.#options.confirmWithinMs) {
      this.#options.onSilence(`no confirm within ${this.#options.confirmWithinMs} ms`);
      return { kind: 'disconnected' };
    }
    return { kind: 'behind' };
  }
}

const NEVER = new AbortController().signal;

function halted({ name, position, id }: RawEvent, reason: string): RelayOutcome {
  return { kind: 'halted', detail: `cannot publish ${name} at position ${position} (${id}): ${reason}` };
}
