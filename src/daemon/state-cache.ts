import { isConnectionLost, sqlstateOf } from '../postgres/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { readViews } from './status.ts';

type Views = Awaited<ReturnType<typeof readViews>>;

/**
 * What the database says about every projection; while it is away, what it said last and why there is nothing newer: an
 * operator who asks then needs an answer most of all.
 */
export class StateCache {
  readonly #known: () => string | null;
  #last: Views = { views: new Map(), failures: new Map() };

  /** @param known why the database is known to be away, null when it is not */
  constructor(known: () => string | null = () => null) {
    this.#known = known;
  }

  /** `refused`: the database is there, and the scheduled check may know more of the reason. */
  async read(sql: Sql): Promise<Views & { readonly away: string | null; readonly refused: boolean }> {
    let away = this.#known();
    let refused = false;
    try {
      if (away === null) this.#last = await readViews(sql);
    } catch (error) {
      away = this.#known() ?? refusal(error);
      if (away === null) throw error;
      refused = !isConnectionLost(error);
    }
    return { ...this.#last, away, refused };
  }
}

/** What an operator has done: taken a right, put up a policy, renamed a schema, dropped a table. */
const DONE_TO_US = new Set(['42501', '42P01', '3F000']);

/** Why the database says nothing; null where that is our doing. */
function refusal(error: unknown): string | null {
  if (isConnectionLost(error)) return 'the database does not answer; this is what it said last';
  if (!DONE_TO_US.has(sqlstateOf(error) ?? '') || !(error instanceof Error)) return null;
  return `the database refuses to be read (${error.message}); this is what it said last`;
}
