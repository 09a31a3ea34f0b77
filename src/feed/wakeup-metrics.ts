import type { Push } from './push.ts';
import type { PollResult, WakeupSource } from './wakeups.ts';

export type ControlEnd = 'carriedOut' | 'failed' | 'refused';

/** How well hints work, since the start of the daemon. Counts only rise. */
export interface WakeupCounts {
  /** Looks that found something, by the hint that began them; every scheduled one counts. */
  readonly wakeups: Readonly<Record<WakeupSource, number>>;
  /** Messages, by what they were worth. All but `foreign` wake. */
  readonly pushes: Readonly<Record<Push['kind'], number>>;
  /** Messages of the control queue, by how they ended. */
  readonly controls: Readonly<Record<ControlEnd, number>>;
  /** Positions that a hint, NOTIFY or push, had announced when they were found. */
  readonly announced: number;
  /** Positions that the heartbeat found, with no hint before it. */
  readonly missed: number;
  /** missed / (announced + missed), 0 to 1; 0 while nothing was found. */
  readonly missedRate: number;
  /** The last position a push named, a decimal string; null while none did, or the store has not come as far (or never will). */
  readonly lastPushed: string | null;
}

/** Counts hints and what they led to. Pure: told of everything, asks for nothing. */
export class WakeupMetrics {
  readonly #wakeups: Record<WakeupSource, number> = { schedule: 0, notify: 0, push: 0, again: 0, heartbeat: 0 };
  readonly #pushes: Record<Push['kind'], number> = { event: 0, unknown: 0, malformed: 0, oversized: 0, foreign: 0 };
  readonly #controls: Record<ControlEnd, number> = { carriedOut: 0, failed: 0, refused: 0 };
  #announced = 0n;
  #missed = 0n;
  #lastPushed: bigint | null = null;

  pushed(push: Push): void {
    this.#pushes[push.kind] += 1;
    if (push.kind === 'event') this.#lastPushed = push.position;
  }

  controlled(end: ControlEnd): void {
    this.#controls[end] += 1;
  }

  looked({ source, from, head }: PollResult): void {
    this.#wakeups[source] += 1;
    // A schedule begins with the whole history, and looks in place of a hint that waits: it is counted on neither side.
    if (head <= from || source === 'schedule') return;
    if (source === 'heartbeat') this.#missed += head - from;
    else this.#announced += head - from;
  }

  /** `head`: the safe head, beyond which nothing is believed. */
  metrics(head: bigint): WakeupCounts {
    const announced = Number(this.#announced);
    const missed = Number(this.#missed);
    const pushed = this.#lastPushed;
    return {
      wakeups: { ...this.#wakeups },
      pushes: { ...this.#pushes },
      controls: { ...this.#controls },
      announced,
      missed,
      missedRate: announced + missed === 0 ? 0 : missed / (announced + missed),
      lastPushed: pushed === null || pushed > head ? null : String(pushed),
    };
  }
}
