import { PINNED_NAMES } from './session-settings.ts';

/** The effect of a handler's statement on the page's transaction. */
export type GuardedStatement =
  | { readonly kind: 'plain' }
  | { readonly kind: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Prefix of the engine's own savepoints: with one of them a handler could roll back more than its own event. */
export const ENGINE_SAVEPOINT = 'projectionist_';

/** Settings that a handler may not change: the next event of the page would run with them. */
const PINNED = PINNED_NAMES.map((name) => name.toUpperCase());

const PLAIN: GuardedStatement = { kind: 'plain' };
const ENDS = 'the transaction is the engine’s: it begins and ends it';
const STAYS = 'it would outlive the transaction, on a connection that others use next';

const REFUSED: ReadonlyMap<string, string> = new Map([
  ...['BEGIN', 'START', 'COMMIT', 'END', 'ABORT'].map((word) => [word, ENDS] as const),
  ...['PREPARE', 'DEALLOCATE', 'DISCARD', 'LISTEN', 'UNLISTEN', 'RESET', 'LOAD'].map((word) => [word, STAYS] as const),
  ['COPY', 'it takes over the connection: use INSERT, or SELECT'],
]);

/**
 * Classifies a statement by its first words, to name a mistake before it does damage. This cannot refuse everything: a
 * function that the handler calls can still end the transaction, so `awaitHandler` also compares the transaction's id.
 */
export function readGuardedStatement(text: string): GuardedStatement {
  const words = new Words(text);
  const verb = words.keyword();
  const reason = REFUSED.get(verb);
  if (reason !== undefined) return { kind: 'refused', reason };
  switch (verb) {
    case 'SET':
      return readSet(words);
    case 'SAVEPOINT':
      return named('savepoint', words);
    case 'RELEASE':
      words.skip('SAVEPOINT');
      return named('release', words);
    case 'ROLLBACK':
      words.skip('WORK', 'TRANSACTION');
      if (!words.skip('TO')) return { kind: 'refused', reason: ENDS };
      words.skip('SAVEPOINT');
      return named('rollback to', words);
    default:
      return PLAIN;
  }
}

/** A handler may not change role, schema or pinned settings: the engine's statements follow in the same transaction. */
function readSet(words: Words): GuardedStatement {
  if (words.skip('CONSTRAINTS')) return PLAIN;
  if (!words.skip('LOCAL')) return { kind: 'refused', reason: `${STAYS}; SET LOCAL does not` };
  if (!words.skip('ROLE', 'SESSION', 'SCHEMA', 'TRANSACTION', 'TIME', 'NAMES', 'XML', ...PINNED)) return PLAIN;
  return { kind: 'refused', reason: 'the engine’s own statements run in the same transaction' };
}

function named(kind: 'savepoint' | 'rollback to' | 'release', words: Words): GuardedStatement {
  const name = words.name();
  if (name === null || !words.atEnd()) return { kind: 'refused', reason: 'the name of the savepoint cannot be read' };
  if (!name.startsWith(ENGINE_SAVEPOINT)) return { kind, name };
  return { kind: 'refused', reason: `savepoints that begin with ${ENGINE_SAVEPOINT} are the engine’s` };
}

/** The words of a statement, without spaces, comments and empty statements, which PostgreSQL ignores. */
class Words {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  keyword(): string {
    return (this.#match(/[a-z_][\w$]*/iy) ?? '').toUpperCase();
  }

  /** Skips the next word if it is one of these. @returns whether it was */
  skip(...keywords: readonly string[]): boolean {
    this.#skipIgnored();
    const before = this.#at;
    if (keywords.includes(this.keyword())) return true;
    this.#at = before;
    return false;
  }

  /** An identifier as the server stores it: in lower case unless it is quoted. Null if the next word is none. */
  name(): string | null {
    const quoted = this.#match(/"(?:[^"]|"")+"/y);
    if (quoted !== null) return quoted.slice(1, -1).replaceAll('""', '"');
    return this.#match(/[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy)?.toLowerCase() ?? null;
  }

  atEnd(): boolean {
    this.#skipIgnored();
    return this.#at === this.#text.length;
  }

  #match(pattern: RegExp): string | null {
    this.#skipIgnored();
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #skipIgnored(): void {
    const ignored = /(?:[\s;]|--[^\n\r]*)*/y;
    for (;;) {
      ignored.lastIndex = this.#at;
      this.#at += ignored.exec(this.#text)?.[0].length ?? 0;
      if (!this.#text.startsWith('/*', this.#at)) return;
      this.#at = endOfComment(this.#text, this.#at);
    }
  }
}

/** Index behind the comment that begins at `start`. Comments nest in PostgreSQL. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (const { 0: mark, index } of text.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return start + index + 2;
  }
  return text.length;
}
