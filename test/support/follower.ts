/** The fields of an event that a reader has read. */
export interface Sighting {
  readonly position: bigint;
  readonly id: string;
  readonly stream: string;
  readonly sequenceNo: bigint;
}

/** Reads the next page after `cursor`; an empty page means that there is none at present. */
export type NextPage = (cursor: bigint) => Promise<readonly Sighting[]>;

/** Follows a store with one kind of reader, as a projection does: the cursor moves to the last event that was read. */
export interface Follower {
  readonly seen: readonly Sighting[];
  readonly cursor: bigint;
  /** Reads until a page is empty. */
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
  /** Stored and never read. */
  readonly lost: number;
  /** Read more than once. */
  readonly doubled: number;
  /** Read after a later event of the same stream. */
  readonly disordered: number;
  /** Read and not stored. */
  readonly phantom: number;
}

/** Compares the events that a reader has read with the final content of the store. */
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
