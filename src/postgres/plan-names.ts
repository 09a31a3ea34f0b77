import { createHash } from 'node:crypto';

/**
 * Bounds of the prepared statements of one connection. The server keeps text, tree and plan of each statement in the memory
 * of the session until the session ends, about 26 kB a statement.
 */
const BOUNDS = { statements: 500, characters: 1024 * 1024 } as const;

/** A longer text is planned each time: it holds many values, and would evict hundreds of other statements. */
const LONGEST = 64 * 1024;

/** The name of a prepared statement, and the names of those that have to be closed to make room for it. */
interface PlanName {
  readonly name: string;
  readonly evicted: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * The prepared statements of one connection, least recently used first. The bound is one for each connection: a process
 * that runs for months, or has a thousand projections, sends more texts than a session should keep, and a plan is worth
 * most for the texts that are in use now.
 */
export class PlanNames {
  readonly #names = new Map<string, string>();
  readonly #bounds: { readonly statements: number; readonly characters: number };
  #characters = 0;

  constructor(bounds: { readonly statements: number; readonly characters: number } = BOUNDS) {
    this.#bounds = bounds;
  }

  /** Marks the text as used now. @returns null if the text is too long to be prepared */
  use(text: string): PlanName | null {
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
    for (const [oldest, oldestName] of this.#names) {
      if (this.#names.size <= this.#bounds.statements && this.#characters <= this.#bounds.characters) break;
      this.#names.delete(oldest);
      this.#characters -= oldest.length;
      evicted.push(oldestName);
    }
    return { name, evicted };
  }

  has(text: string): boolean {
    return this.#names.has(text);
  }
}

/** A text has the same name in every session, so that pg_prepared_statements of two sessions can be compared. */
function nameOf(text: string): string {
  return `p_${createHash('sha1').update(text).digest('hex')}`;
}
