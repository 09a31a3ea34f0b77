import type { Log } from '../core/log.ts';

/** A projection that has been backing off without progress. */
export interface BackingOff {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly detail: string | null;
}

interface Period extends BackingOff {
  /** The position up to which it had read events then. */
  readonly furthest: bigint;
  /** Seconds after which it is logged next. */
  readonly logAt: number;
}

export interface BackingOffOptions {
  /** The position up to which a projection has read events. */
  readonly furthest: (name: string) => bigint;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

/** A shorter period is not reported, since it often ends without help. */
const REPORTED_AFTER_S = 10;
const NAMED = 10;
/** States between two attempts; they do not end the period. */
const BETWEEN = new Set(['idle.opening', 'catching-up.working', 'live.working', 'failed.attempting']);

/**
 * The projections that back off, and since when. A backoff is right while the database cannot do something for now. If it
 * never can (read-only, a lost grant, a limit of the role), the backoff does not end, and only this reports it.
 */
export class BackingOffs {
  readonly #options: BackingOffOptions;
  readonly #periods = new Map<string, Period>();

  constructor(options: BackingOffOptions) {
    this.#options = options;
  }

  /** Called when a projection has changed its state. */
  onTransition({
    name,
    to,
    detail,
  }: {
    readonly name: string;
    readonly to: string;
    readonly detail: string | null;
  }): void {
    if (BETWEEN.has(to)) return;
    const backsOff =
      to.endsWith('.backing-off') || (to === 'idle.standby' && detail?.startsWith('backing off') === true);
    if (!backsOff) {
      this.#periods.delete(name);
      return;
    }
    const { now, furthest } = this.#options;
    const known = this.#current(name);
    const fresh = { since: now(), furthest: furthest(name), logAt: REPORTED_AFTER_S };
    this.#periods.set(name, { ...(known ?? fresh), name, detail });
  }

  /** Start of the present backoff; null if there is none. */
  since(name: string): number | null {
    return this.#current(name)?.since ?? null;
  }

  /** The projections that have backed off long enough to be reported. */
  lasting(): readonly BackingOff[] {
    const { now } = this.#options;
    return [...this.#periods.keys()].flatMap((name) => {
      const period = this.#current(name);
      if (period === null || now() - period.since < REPORTED_AFTER_S * 1000) return [];
      return [{ name, since: period.since, detail: period.detail }];
    });
  }

  /** Called once a second. Logs the projections that have backed off for 10 s, 20 s, 40 s and so on; one line for each reason. */
  check(): void {
    const { now, log } = this.#options;
    const due = new Map<string | null, { names: string[]; seconds: number }>();
    for (const name of [...this.#periods.keys()]) {
      const period = this.#current(name);
      const seconds = period === null ? 0 : (now() - period.since) / 1000;
      if (period === null || seconds < period.logAt) continue;
      this.#periods.set(name, { ...period, logAt: period.logAt * 2 });
      const same = due.get(period.detail) ?? { names: [], seconds: 0 };
      same.names.push(name);
      due.set(period.detail, { ...same, seconds: Math.max(same.seconds, Math.floor(seconds)) });
    }
    for (const [detail, { names, seconds }] of due) {
      const about = { projections: names.slice(0, NAMED), count: names.length, seconds, detail };
      log.warn(about, 'projections have been backing off without progress');
    }
  }

  /** Null if the projection has made progress since: then that period has ended. */
  #current(name: string): Period | null {
    const known = this.#periods.get(name);
    if (known === undefined) return null;
    if (this.#options.furthest(name) <= known.furthest) return known;
    this.#periods.delete(name);
    return null;
  }
}
