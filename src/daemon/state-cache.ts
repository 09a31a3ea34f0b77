import { isConnectionLost, sqlstateOf } from '../postgres/errors.ts';
import type { Sql } from '../postgres/pool.ts';
import { readViews } from './status.ts';

type Views = Awaited<ReturnType<typeof readViews>>;

/**
 * The stored state of every projection. While the database is away: the last state that was read, with the reason, since an
 * operator needs an answer then most of all.
 */
export class StateCache {
  readonly #known: () => string | null;
  #last: Views = { views: new Map(), failures: new Map() };

  /** @param known why the database is known to be away, null when it is not */
  constructor(known: () => string | null = () => null) {
    this.#known = known;
  }

  /** `refused`: the database can be reached, and the scheduled check may have a better reason. */
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

/** SQLSTATEs that an operator causes: a revoked right, a policy, a renamed schema, a dropped table. */
const CAUSED_BY_OPERATORS = new Set(['42501', '42P01', '3F000']);

/** Why the state cannot be read; null if the cause is a fault of the engine. */
function refusal(error: unknown): string | null {
  if (isConnectionLost(error)) return 'the database does not answer; this is the last state that was read';
  if (!CAUSED_BY_OPERATORS.has(sqlstateOf(error) ?? '') || !(error instanceof Error)) return null;
  return `the database refuses to be read (${error.message}); this is the last state that was read`;
}
