export interface WindowLimits {
  /** Messages in flight at most. */
  readonly messages: number;
  /** Bytes in flight at most; one message may always be sent, however large. */
  readonly bytes: number;
}

/** A message that was sent and is not in the confirmed prefix. Only the window writes its answer. */
export interface InFlightMessage {
  readonly position: bigint;
  readonly bytes: number;
  readonly round: number;
  answer: 'none' | 'confirmed' | 'refused';
}

/** After a refusal, messages that are sent one at a time. */
const ONE_AT_A_TIME = 100;

/**
 * The messages sent to the broker, and how much of them counts as published: the confirmed prefix. Confirms come in any
 * order; a message is published when it and all before it are confirmed. After a refusal or a lost channel a new round
 * begins at the prefix, and answers to messages of an older round are ignored.
 *
 * Each round starts with one message in flight and doubles with what is confirmed, as TCP does: when the broker comes
 * back without the leader of a queue, it refuses one message and not a thousand, of which it might then accept the later
 * ones first. No clock and no I/O in here.
 */
export class SendWindow {
  readonly #limits: WindowLimits;
  /** In order of position; the first `#done` are in the prefix, the one after them is not confirmed. */
  #flight: InFlightMessage[] = [];
  #done = 0;
  #bytes = 0;
  #unanswered = 0;
  #prefix = 0n;
  #last = 0n;
  #round = 0;
  #limit = 1;
  #credit = 0;
  /** Messages that are still to be sent one at a time. */
  #singles = 0;
  #refused = false;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Every event up to here is confirmed. */
  get prefix(): bigint {
    return this.#prefix;
  }

  /** Position of the last message sent in this round; `prefix` when none was. */
  get last(): bigint {
    return this.#last;
  }

  /** Messages sent that are not in the prefix. */
  get inFlight(): number {
    return this.#flight.length - this.#done;
  }

  /** Those of them that the broker has neither confirmed nor refused. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** The broker refused a message of this round: no more may be sent in it. */
  get refused(): boolean {
    return this.#refused;
  }

  hasRoom(): boolean {
    return !this.#refused && this.inFlight < this.#limit && this.#bytes < this.#limits.bytes;
  }

  /** Begins a new round after this position; everything up to it is published. */
  startFrom(cursor: bigint): void {
    if (this.#refused) this.sendOneAtATime();
    this.#round += 1;
    this.#flight = [];
    this.#done = 0;
    this.#bytes = 0;
    this.#unanswered = 0;
    this.#prefix = cursor;
    this.#last = cursor;
    // The credit needs no reset: at a limit of 1, the first confirm doubles the limit and uses up all credit.
    this.#limit = 1;
    this.#refused = false;
  }

  /** One message at a time for a while: the next refusal then names its message. */
  sendOneAtATime(): void {
    this.#singles = ONE_AT_A_TIME;
  }

  send(position: bigint, bytes: number): InFlightMessage {
    const message: InFlightMessage = { position, bytes, round: this.#round, answer: 'none' };
    this.#flight.push(message);
    this.#bytes += bytes;
    this.#unanswered += 1;
    this.#last = position;
    return message;
  }

  confirm(message: InFlightMessage): void {
    if (!this.#answer(message, 'confirmed')) return;
    this.#grow();
    for (;;) {
      const first = this.#flight[this.#done];
      if (first?.answer !== 'confirmed') break;
      this.#prefix = first.position;
      this.#bytes -= first.bytes;
      this.#done += 1;
    }
    // Confirmed messages are removed many together: each removal moves all that are behind.
    if (this.#done * 2 < this.#flight.length) return;
    this.#flight.splice(0, this.#done);
    this.#done = 0;
  }

  refuse(message: InFlightMessage): void {
    if (this.#answer(message, 'refused')) this.#refused = true;
  }

  #answer(message: InFlightMessage, answer: 'confirmed' | 'refused'): boolean {
    if (message.round !== this.#round || message.answer !== 'none') return false;
    message.answer = answer;
    this.#unanswered -= 1;
    return true;
  }

  #grow(): void {
    if (this.#singles > 0) {
      this.#singles -= 1;
      return;
    }
    this.#credit += 1;
    if (this.#credit < this.#limit) return;
    this.#limit = Math.min(this.#limits.messages, this.#limit * 2);
    this.#credit = 0;
  }
}
