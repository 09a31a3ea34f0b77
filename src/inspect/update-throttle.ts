import type { ActorRecord } from './actor-record.ts';

/** Milliseconds between two tellings of an actor that moves nowhere. */
export const QUIET_MS = 100;

/** What has been told of an actor lately. */
export interface Lately {
  /** A transition with a target was taken since the last snapshot. */
  moved: boolean;
  /** When its snapshot was last told. */
  toldAt: number;
  /** Events told since; another one of the same type says nothing new. */
  types: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * What of an actor's doings is told at once. A transition is, always, with the event before it. What changes the context
 * alone (a wake while it works) can come by the thousand: the latest is told, at most every `QUIET_MS`.
 */
export class UpdateThrottle {
  readonly #held = new Set<ActorRecord>();

  moved(living: ActorRecord): void {
    this.#of(living).moved = true;
  }

  /** @returns whether to tell of this event */
  event(living: ActorRecord, type: string, now: number): boolean {
    const lately = this.#of(living);
    const told = now - lately.toldAt >= QUIET_MS ? NONE : lately.types;
    if (told.includes(type)) return false;
    lately.types = [...told, type];
    return true;
  }

  /** @returns whether to tell of this snapshot now; else it is among the `due` later */
  snapshot(living: ActorRecord, now: number): boolean {
    const lately = this.#of(living);
    const { moved } = lately;
    if (!moved && now - lately.toldAt < QUIET_MS) {
      this.#held.add(living);
      return false;
    }
    this.#told(living, now);
    if (moved) lately.types = NONE;
    return true;
  }

  get holds(): boolean {
    return this.#held.size > 0;
  }

  /** Those held back whose time has come. They count as told. */
  due(now: number): readonly ActorRecord[] {
    const due = [...this.#held].filter((living) => now - this.#of(living).toldAt >= QUIET_MS);
    for (const living of due) this.#told(living, now);
    return due;
  }

  /** It has ended, which is told at once: most actors end without having been anything but new. */
  forget(living: ActorRecord): void {
    this.#held.delete(living);
  }

  #told(living: ActorRecord, now: number): void {
    const lately = this.#of(living);
    lately.moved = false;
    lately.toldAt = now;
    this.#held.delete(living);
  }

  #of(living: ActorRecord): Lately {
    living.lately ??= { moved: false, toldAt: -Infinity, types: NONE };
    return living.lately;
  }
}
