export interface WindowLimits {
  /** Messages in flight at most. */
  readonly messages: number;
  /** Bytes in flight; one message always may, however large. */
  readonly bytes: number;
}

/** One message in flight: a ticket, to tell the window by what the broker has said of it. Only the window writes here. */
export interface Sent {
  readonly position: bigint;
  readonly bytes: number;
  readonly round: number;
  answer: 'none' | 'confirmed' | 'refused';
}

/** After a refusal one message at a time, for this many. */
const CAREFUL = 100;

/**
 * What has been sent to the broker and how much of it counts as published: the confirmed prefix. Confirms come in any
 * order; a message is published when it and all before it are confirmed. After a refusal or a lost channel a new round
 * begins at the prefix, and what the broker still says of an older one counts no more.
 *
 * Each round starts with one message in flight and doubles with what is confirmed, as TCP does: when the broker comes
 * back without the queue's leader, it refuses one message and not a thousand, of which it might then take the later ones
 * first. No clock and no I/O in here.
 */
export class SendWindow {
  readonly #limits: WindowLimits;
  /** In order of position; the first `#done` are in the prefix, the one after them is not confirmed. */
  #flight: Sent[] = [];
  #done = 0;
  #bytes = 0;
  #unanswered = 0;
  #prefix = 0n;
  #last = 0n;
  #round = 0;
  #limit = 1;
  #credit = 0;
  #careful = 0;
  #refused = false;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Every event up to here is confirmed. */
  get prefix(): bigint {
    return this.#prefix;
  }

  /** The last one sent in this round; `prefix` when none was. */
  get last(): bigint {
    return this.#last;
  }

  /** Sent and not in the prefix. */
  get inFlight(): number {
    return this.#flight.length - this.#done;
  }

  /** Of those, the ones of which the broker has said nothing. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** The broker refused a message of this round: nothing more is to be sent in it. */
  get refused(): boolean {
    return this.#refused;
  }

  /** The only message the broker has not confirmed, or null: of several, nobody knows which one it did not like. */
  get alone(): bigint | null {
    return this.inFlight === 1 ? (this.#flight.at(-1)?.position ?? null) : null;
  }

  hasRoom(): boolean {
    return !this.#refused && this.inFlight < this.#limit && this.#bytes < this.#limits.bytes;
  }

  /** Begins a new round after this position, of which everything is published. */
  startFrom(cursor: bigint): void {
    if (this.#refused) this.#careful = CAREFUL;
    this.#round += 1;
    this.#flight = [];
    this.#done = 0;
    this.#bytes = 0;
    this.#unanswered = 0;
    this.#prefix = cursor;
    this.#last = cursor;
    // Of any credit, the first confirm makes two of one, and none is left.
    this.#limit = 1;
    this.#refused = false;
  }

  /** One message at a time for a while: the next refusal then names its message. */
  sendOneAtATime(): void {
    this.#careful = CAREFUL;
  }

  send(position: bigint, bytes: number): Sent {
    const sent: Sent = { position, bytes, round: this.#round, answer: 'none' };
    this.#flight.push(sent);
    this.#bytes += bytes;
    this.#unanswered += 1;
    this.#last = position;
    return sent;
  }

  confirm(sent: Sent): void {
    if (!this.#answer(sent, 'confirmed')) return;
    this.#grow();
    for (;;) {
      const first = this.#flight[this.#done];
      if (first?.answer !== 'confirmed') break;
      this.#prefix = first.position;
      this.#bytes -= first.bytes;
      this.#done += 1;
    }
    // Many at once: each drop moves up everything behind.
    if (this.#done * 2 < this.#flight.length) return;
    this.#flight.splice(0, this.#done);
    this.#done = 0;
  }

  refuse(sent: Sent): void {
    if (this.#answer(sent, 'refused')) this.#refused = true;
  }

  #answer(sent: Sent, answer: 'confirmed' | 'refused'): boolean {
    if (sent.round !== this.#round || sent.answer !== 'none') return false;
    sent.answer = answer;
    this.#unanswered -= 1;
    return true;
  }

  #grow(): void {
    if (this.#careful > 0) {
      this.#careful -= 1;
      return;
    }
    this.#credit += 1;
    if (this.#credit < this.#limit) return;
    this.#limit = Math.min(this.#limits.messages, this.#limit * 2);
    this.#credit = 0;
  }
}
