import type { Sql } from '../store/connect.ts';
import { isConnectionLost } from '../store/sqlstate.ts';
import { readViews } from './status.ts';

type Views = Awaited<ReturnType<typeof readViews>>;

/**
 * What the database says about every projection; while it is away, what it said last and why there is nothing newer: an
 * operator who asks then needs an answer most of all.
 */
export class StoredViews {
  readonly #known: () => string | null;
  #last: Views = { views: new Map(), failures: new Map() };

  /** @param known why the database is known to be away, null when it is not */
  constructor(known: () => string | null = () => null) {
    this.#known = known;
  }

  async read(sql: Sql): Promise<Views & { readonly away: string | null }> {
    let away = this.#known();
    try {
      if (away === null) this.#last = await readViews(sql);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      away = this.#known() ?? 'the database does not answer; this is what it said last';
    }
    return { ...this.#last, away };
  }
}
