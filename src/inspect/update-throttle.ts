import type { ActorRecord } from './actor-record.ts';

/** Milliseconds between two updates of an actor that takes no transition. */
export const QUIET_MS = 100;

/** What was last sent of an actor. */
export interface SentUpdates {
  /** A transition with a target was taken since the last snapshot. */
  moved: boolean;
  /** When its snapshot was last sent. */
  sentAt: number;
  /** Types of the events sent since; another event of the same type adds nothing. */
  types: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * Decides which updates of an actor are sent at once. A transition always is, with the event before it. Changes of the
 * context alone (a wake during an operation) can come by the thousand: the latest is sent, at most every `QUIET_MS`.
 */
export class UpdateThrottle {
  readonly #held = new Set<ActorRecord>();

  moved(record: ActorRecord): void {
    this.#of(record).moved = true;
  }

  /** @returns whether to send this event */
  sendsEvent(record: ActorRecord, type: string, now: number): boolean {
    const updates = this.#of(record);
    const sent = now - updates.sentAt >= QUIET_MS ? NONE : updates.types;
    if (sent.includes(type)) return false;
    updates.types = [...sent, type];
    return true;
  }

  /** @returns whether to send this snapshot now; else it is among the `due` later */
  sendsSnapshot(record: ActorRecord, now: number): boolean {
    const updates = this.#of(record);
    const { moved } = updates;
    if (!moved && now - updates.sentAt < QUIET_MS) {
      this.#held.add(record);
      return false;
    }
    this.#markSent(record, now);
    if (moved) updates.types = NONE;
    return true;
  }

  get holds(): boolean {
    return this.#held.size > 0;
  }

  /** The actors whose held-back snapshot is due. They count as sent. */
  due(now: number): readonly ActorRecord[] {
    const due = [...this.#held].filter((record) => now - this.#of(record).sentAt >= QUIET_MS);
    for (const record of due) this.#markSent(record, now);
    return due;
  }

  /** The actor has ended, which is sent at once. */
  remove(record: ActorRecord): void {
    this.#held.delete(record);
  }

  #markSent(record: ActorRecord, now: number): void {
    const updates = this.#of(record);
    updates.moved = false;
    updates.sentAt = now;
    this.#held.delete(record);
  }

  #of(record: ActorRecord): SentUpdates {
    record.sentUpdates ??= { moved: false, sentAt: -Infinity, types: NONE };
    return record.sentUpdates;
  }
}
