import type { Log } from '../core/log.ts';

/** A projection that has been backing off without getting anywhere. */
export interface BackingOff {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly detail: string | null;
}

interface Trouble extends BackingOff {
  /** How far it had looked at events then. */
  readonly furthest: bigint;
  /** Seconds after which the log names it next. */
  readonly tellAt: number;
}

export interface BackingOffOptions {
  /** How far a projection has looked at events. */
  readonly furthest: (name: string) => bigint;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

/** Before that it may be a moment's trouble, which ends by itself. */
const TOLD_AFTER_S = 10;
const NAMED = 10;
/** Between two attempts a projection works for a moment; that ends nothing. */
const BETWEEN = new Set(['idle.opening', 'catching-up.working', 'live.working', 'failed.attempting']);

/**
 * Which projections back off, and since when. To back off is right while the database cannot do something now; where it
 * never can (read-only, a lost grant, a limit of the role's), it goes on without end, and nothing else says so.
 */
export class BackingOffs {
  readonly #options: BackingOffOptions;
  readonly #troubles = new Map<string, Trouble>();

  constructor(options: BackingOffOptions) {
    this.#options = options;
  }

  /** A projection has changed its state. */
  heard({ name, to, detail }: { readonly name: string; readonly to: string; readonly detail: string | null }): void {
    if (BETWEEN.has(to)) return;
    const backsOff =
      to.endsWith('.backing-off') || (to === 'idle.standby' && detail?.startsWith('backing off') === true);
    if (!backsOff) {
      this.#troubles.delete(name);
      return;
    }
    const { now, furthest } = this.#options;
    const known = this.#current(name);
    const fresh = { since: now(), furthest: furthest(name), tellAt: TOLD_AFTER_S };
    this.#troubles.set(name, { ...(known ?? fresh), name, detail });
  }

  /** Since when it backs off; null while it does not. */
  since(name: string): number | null {
    return this.#current(name)?.since ?? null;
  }

  /** Those that have done so for long enough to be told. */
  lasting(): readonly BackingOff[] {
    const { now } = this.#options;
    return [...this.#troubles.keys()].flatMap((name) => {
      const databaseError = this.#current(name);
      if (databaseError === null || now() - databaseError.since < TOLD_AFTER_S * 1000) return [];
      return [{ name, since: databaseError.since, detail: databaseError.detail }];
    });
  }

  /** Once a second: says in the log who has backed off for 10 s, 20 s, 40 s and so on; one line for each reason. */
  check(): void {
    const { now, log } = this.#options;
    const due = new Map<string | null, { names: string[]; seconds: number }>();
    for (const name of [...this.#troubles.keys()]) {
      const databaseError = this.#current(name);
      const seconds = databaseError === null ? 0 : (now() - databaseError.since) / 1000;
      if (databaseError === null || seconds < databaseError.tellAt) continue;
      this.#troubles.set(name, { ...databaseError, tellAt: databaseError.tellAt * 2 });
      const same = due.get(databaseError.detail) ?? { names: [], seconds: 0 };
      same.names.push(name);
      due.set(databaseError.detail, { ...same, seconds: Math.max(same.seconds, Math.floor(seconds)) });
    }
    for (const [detail, { names, seconds }] of due) {
      const about = { projections: names.slice(0, NAMED), count: names.length, seconds, detail };
      log.warn(about, 'projections have been backing off without getting anywhere');
    }
  }

  /** Null where it has come further since: then it was another trouble. */
  #current(name: string): Trouble | null {
    const known = this.#troubles.get(name);
    if (known === undefined) return null;
    if (this.#options.furthest(name) <= known.furthest) return known;
    this.#troubles.delete(name);
    return null;
  }
}
