import { createHash } from 'node:crypto';

/**
 * What one connection has prepared at most. The server keeps text, tree and plan of each statement in the session's own
 * memory for as long as the session lives, about 26 kB a statement.
 */
const MOST = { statements: 500, characters: 1024 * 1024 } as const;

/** A longer text is planned each time: it is one of many values, and would push out hundreds of others. */
const LONGEST = 64 * 1024;

/** The name of a text's prepared statement, and those that have to be closed for it. */
interface Named {
  readonly name: string;
  readonly evicted: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * The prepared statements of one connection, least recently used first. A bound for each connection instead of one for
 * the process: a process that lives for months, or has a thousand projections, meets more texts than a session should
 * keep, and the ones in use now are the ones worth a plan.
 */
export class PlanNames {
  readonly #names = new Map<string, string>();
  readonly #most: { readonly statements: number; readonly characters: number };
  #characters = 0;

  constructor(most: { readonly statements: number; readonly characters: number } = MOST) {
    this.#most = most;
  }

  /** @returns null where the text is not to be prepared */
  use(text: string): Named | null {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.#names.delete(text);
      this.#names.set(text, known);
      return { name: known, evicted: NONE };
    }
    if (text.length > LONGEST) return null;
    const name = nameOf(text);
    this.#names.set(text, name);
    this.#characters += text.length;
    const evicted: string[] = [];
    for (const [oldest, its] of this.#names) {
      if (this.#names.size <= this.#most.statements && this.#characters <= this.#most.characters) break;
      this.#names.delete(oldest);
      this.#characters -= oldest.length;
      evicted.push(its);
    }
    return { name, evicted };
  }

  has(text: string): boolean {
    return this.#names.has(text);
  }
}

/** The same for a text in every session: pg_prepared_statements of two of them can be compared. */
function nameOf(text: string): string {
  return `p_${createHash('sha1').update(text).digest('hex')}`;
}
