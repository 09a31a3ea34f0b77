/** What a reader was given of one event. */
export interface Sighting {
  readonly position: bigint;
  readonly id: string;
  readonly stream: string;
  readonly sequenceNo: bigint;
}

/** Reads whatever is next after `cursor`; an empty answer means nothing for now. */
export type NextPage = (cursor: bigint) => Promise<readonly Sighting[]>;

/** Follows a store with one way of reading, as a projection does: the cursor goes to the last event that was seen. */
export interface Follower {
  readonly seen: readonly Sighting[];
  readonly cursor: bigint;
  /** Reads until a page comes back empty. */
  drain(): Promise<void>;
}

export function createFollower(next: NextPage): Follower {
  const seen: Sighting[] = [];
  let cursor = 0n;
  return {
    seen,
    get cursor() {
      return cursor;
    },
    drain: async () => {
      for (;;) {
        const page = await next(cursor);
        const last = page.at(-1);
        if (last === undefined) return;
        seen.push(...page);
        cursor = last.position;
      }
    },
  };
}

export interface Account {
  /** Stored, never seen. */
  readonly lost: number;
  /** Seen more than once. */
  readonly doubled: number;
  /** Seen after a later event of the same stream. */
  readonly disordered: number;
  /** Seen, not stored. */
  readonly phantom: number;
}

/** Compares what a reader saw with what the store holds in the end. */
export function account(seen: readonly Sighting[], stored: readonly Sighting[]): Account {
  const ids = new Set(seen.map(({ id }) => id));
  const known = new Set(stored.map(({ id }) => id));
  const last = new Map<string, bigint>();
  let disordered = 0;
  for (const { stream, sequenceNo } of seen) {
    if (sequenceNo <= (last.get(stream) ?? -1n)) disordered += 1;
    last.set(stream, sequenceNo);
  }
  return {
    lost: stored.filter(({ id }) => !ids.has(id)).length,
    doubled: seen.length - ids.size,
    disordered,
    phantom: seen.filter(({ id }) => !known.has(id)).length,
  };
}

export const NOTHING_WRONG: Account = { lost: 0, doubled: 0, disordered: 0, phantom: 0 };
