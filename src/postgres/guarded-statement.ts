import { PINNED_NAMES } from './session-settings.ts';

/** What a statement of a handler would do to the transaction it is lent. */
export type GuardedStatement =
  | { readonly kind: 'plain' }
  | { readonly kind: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** The engine's own savepoints are called so; over one of them a handler could take back more than its own event. */
export const ENGINE_SAVEPOINT = 'projectionist_';

/** The next event of the page would be read and written under them. */
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
 * Reads the first words of one statement. A handler is not kept from everything (a function that it calls may do what
 * it likes), so what this lets through is still checked by the transaction's id; it is to name the mistake before there
 * is any damage.
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

/** As whom and where statements run is the engine's too: its own come next in the same transaction. */
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

/** The words of a statement, without what PostgreSQL passes over: spaces, comments, empty statements. */
class Words {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  keyword(): string {
    return (this.#match(/[a-z_][\w$]*/iy) ?? '').toUpperCase();
  }

  /** Passes over the next word if it is one of these. */
  skip(...keywords: readonly string[]): boolean {
    this.#passOver();
    const before = this.#at;
    if (keywords.includes(this.keyword())) return true;
    this.#at = before;
    return false;
  }

  /** As the server knows it: in lower case unless it is quoted. */
  name(): string | null {
    const quoted = this.#match(/"(?:[^"]|"")+"/y);
    if (quoted !== null) return quoted.slice(1, -1).replaceAll('""', '"');
    return this.#match(/[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy)?.toLowerCase() ?? null;
  }

  atEnd(): boolean {
    this.#passOver();
    return this.#at === this.#text.length;
  }

  #match(pattern: RegExp): string | null {
    this.#passOver();
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #passOver(): void {
    const noise = /(?:[\s;]|--[^\n\r]*)*/y;
    for (;;) {
      noise.lastIndex = this.#at;
      this.#at += noise.exec(this.#text)?.[0].length ?? 0;
      if (!this.#text.startsWith('/*', this.#at)) return;
      this.#at = endOfComment(this.#text, this.#at);
    }
  }
}

/** Comments nest in PostgreSQL. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (const { 0: mark, index } of text.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return start + index + 2;
  }
  return text.length;
}
