import type { Push } from './push.ts';
import type { PollResult, WakeupSource } from './wakeups.ts';

export type ControlEnd = 'carriedOut' | 'failed' | 'refused';

/** Counts of wakeups and their effect since the start of the daemon. They only rise. */
export interface WakeupCounts {
  /** Polls that found something, by the wakeup that caused them; every scheduled one counts. */
  readonly wakeups: Readonly<Record<WakeupSource, number>>;
  /** Messages by kind. All kinds but `foreign` cause a poll. */
  readonly pushes: Readonly<Record<Push['kind'], number>>;
  /** Messages of the control queue by outcome. */
  readonly controls: Readonly<Record<ControlEnd, number>>;
  /** Positions that were found after a wakeup, by NOTIFY or push. */
  readonly announced: number;
  /** Positions that the heartbeat found, without a wakeup before it. */
  readonly missed: number;
  /** missed / (announced + missed), 0 to 1; 0 while nothing was found. */
  readonly missedRate: number;
  /** The last position in a push, a decimal string; null while there was none, or if it is above the high-water mark. */
  readonly lastPushed: string | null;
}

/** Counts wakeups and their effect. Pure: it has no I/O. */
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

  polled({ source, from, head }: PollResult): void {
    this.#wakeups[source] += 1;
    // The first scheduled poll covers the whole history, and a scheduled poll replaces a wakeup that waits: it is counted on neither side.
    if (head <= from || source === 'schedule') return;
    if (source === 'heartbeat') this.#missed += head - from;
    else this.#announced += head - from;
  }

  /** @param head the high-water mark; a pushed position above it is not reported */
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
