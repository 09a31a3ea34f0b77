import { setImmediate as breathe } from 'node:timers/promises';
import type { RelayOutcome } from '../core/publisher.ts';
import type { RawEvent } from '../event-store/read.ts';
import type { Sql } from '../postgres/pool.ts';
import type { HighWaterMarkSource } from '../projector/high-water-mark-source.ts';
import { EventPrefetcher } from './event-prefetcher.ts';
import { toMessage } from './message.ts';
import type { PublishingChannel } from './publishing-channel.ts';
import { WakeSignal } from './wake-signal.ts';
import { SendWindow, type Sent, type WindowLimits } from './window.ts';

export interface SenderOptions {
  /** Events are read here. */
  readonly reader: Sql;
  readonly highWaterMark: HighWaterMarkSource;
  /** Milliseconds that only rise. */
  readonly now: () => number;
  readonly limits: WindowLimits;
  /** Milliseconds without an answer after which a channel counts as dead. */
  readonly confirmWithinMs: number;
  /** The channel counts as dead. */
  readonly onSilence: (reason: string) => void;
}

/** Milliseconds of one spell: so long is the row locked, and so much is sent again after a crash. */
const SPELL_MS = 500;
/** Milliseconds that the last confirms of a spell are waited for; also when the daemon stops. */
const SETTLE_MS = 2000;
/** Messages sent without a break: the projections of this process want to go on too. */
const BURST = 100;
const PRECONDITION_FAILED = 406;

/** Why a spell sends no more; the last one with the event that AMQP cannot carry. */
type Pause = 'empty' | 'time' | 'changed' | { readonly event: RawEvent; readonly reason: string };

/** Sends events over one channel after the other, and counts what is confirmed. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #window: SendWindow;
  readonly #prefetcher: EventPrefetcher;
  readonly #wakeSignal = new WakeSignal();
  #publishingChannel: PublishingChannel | null = null;
  #blocked = false;
  #lastEvent: RawEvent | null = null;
  #heardAt = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#window = new SendWindow(options.limits);
    this.#prefetcher = new EventPrefetcher(options.reader, options.highWaterMark);
  }

  /** Every event up to here is confirmed. */
  get confirmed(): bigint {
    return this.#window.prefix;
  }

  get inFlight(): number {
    return this.#window.inFlight;
  }

  /** Milliseconds since the broker has said anything of what is in flight; 0 when nothing is. */
  get silentMs(): number {
    return this.#window.unanswered === 0 ? 0 : this.#options.now() - this.#heardAt;
  }

  /** Whether what is in flight over this channel still counts: nothing has to be sent again. */
  goesOn(publishingChannel: PublishingChannel): boolean {
    return this.#publishingChannel === publishingChannel && publishingChannel.end === null && !this.#window.refused;
  }

  /** From now on over this channel, from after this position. */
  begin(publishingChannel: PublishingChannel, cursor: bigint): void {
    this.#prefetcher.forget();
    this.#window.startFrom(cursor);
    this.#publishingChannel = publishingChannel;
    this.#heardAt = this.#options.now();
  }

  /** The broker takes nothing for now, or does again. What is in flight is confirmed after that. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
    this.#heardAt = this.#options.now();
    this.#wakeSignal.ring();
  }

  /** Something has happened to a channel. */
  poll(): void {
    this.#wakeSignal.ring();
  }

  /** Sends for a moment, and waits for confirms when there is no more to send. Rejects when the database is at fault. */
  async spell(publishingChannel: PublishingChannel, signal: AbortSignal): Promise<RelayOutcome> {
    const began = this.#window.prefix;
    const pause = await this.#send(publishingChannel, signal);
    if (pause !== 'time') await this.#settle(publishingChannel);
    return this.#outcome(pause, publishingChannel, signal, this.#window.prefix > began);
  }

  async #send(publishingChannel: PublishingChannel, signal: AbortSignal): Promise<Pause> {
    const { now } = this.#options;
    const until = now() + SPELL_MS;
    for (let sent = 1; ; sent += 1) {
      const event = this.#prefetcher.ready(this.#window.last) ?? (await this.#prefetcher.next(this.#window.last));
      if (event === null) return 'empty';
      const message = toMessage(event, this.#window.last);
      if (typeof message === 'string') return { event, reason: message };
      if (sent % BURST === 0) await breathe();
      while (!this.#window.hasRoom() && this.#maySend(publishingChannel, signal) && now() < until)
        await this.#wakeSignal.wait(until - now(), signal);
      if (!this.#maySend(publishingChannel, signal)) return 'changed';
      if (!this.#window.hasRoom() || now() >= until) return 'time';
      if (this.#window.inFlight === 0) this.#heardAt = now();
      let ticket: Sent | null = null;
      // Not counted as sent before: what the driver cannot encode would never be answered.
      const reason = publishingChannel.publish(message, (taken) => {
        if (ticket !== null && taken) this.#window.confirm(ticket);
        else if (ticket !== null) this.#window.refuse(ticket);
        this.#heardAt = now();
        this.#wakeSignal.ring();
      });
      if (reason !== null) return { event, reason };
      ticket = this.#window.send(event.position, message.content.length);
      this.#lastEvent = event;
    }
  }

  #maySend(publishingChannel: PublishingChannel, signal: AbortSignal): boolean {
    return !signal.aborted && publishingChannel.end === null && !this.#blocked && !this.#window.refused;
  }

  /** Until every message has its answer, also when one was a refusal: those behind it count no more, but take up room. */
  async #settle(publishingChannel: PublishingChannel): Promise<void> {
    const { now } = this.#options;
    const until = now() + SETTLE_MS;
    while (this.#window.unanswered > 0 && publishingChannel.end === null && !this.#blocked && now() < until)
      await this.#wakeSignal.wait(until - now(), NEVER);
  }

  #outcome(pause: Pause, publishingChannel: PublishingChannel, signal: AbortSignal, progressed: boolean): RelayOutcome {
    const window = this.#window;
    if (publishingChannel.end !== null) {
      // The broker closed the channel because of a message: if there was but one, it is known which.
      if (publishingChannel.end.code === PRECONDITION_FAILED) {
        if (this.#lastEvent !== null && window.alone === this.#lastEvent.position)
          return halted(this.#lastEvent, publishingChannel.end.reason);
        window.sendOneAtATime();
      }
      // The broker would say the same again at once: no right to publish, for one.
      if (publishingChannel.end.code !== null)
        return { kind: 'refused', progressed, detail: publishingChannel.end.reason };
      return { kind: 'disconnected' };
    }
    if (window.refused)
      return { kind: 'refused', progressed, detail: `a queue refused the event after ${window.prefix}` };
    if (this.#blocked) return { kind: 'blocked' };
    if (signal.aborted) return { kind: 'stopped' };
    if (window.inFlight === 0 && pause === 'empty') return { kind: 'published' };
    if (window.inFlight === 0 && typeof pause === 'object') return halted(pause.event, pause.reason);
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
