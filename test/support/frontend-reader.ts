/** A COMMIT that a client has just sent: of a page, or of a reset. */
export interface SentCommit {
  readonly of: 'page' | 'reset';
  readonly projection: string | null;
}

/**
 * Parses the messages of one PostgreSQL client. A page is recognised by its lock on the state row, a reset by its
 * TRUNCATE. The driver prepares COMMIT like any statement, so its text is sent once and only its name after that.
 */
export class FrontendReader {
  readonly #onCommit: (commit: SentCommit) => void;
  readonly #statements = new Map<string, string>();
  #pending = Buffer.alloc(0);
  #begun = false;
  #of: SentCommit['of'] | null = null;
  #projection: string | null = null;

  constructor(onCommit: (commit: SentCommit) => void) {
    this.#onCommit = onCommit;
  }

  read(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 5) {
      // The very first message has no type byte.
      const start = this.#begun ? 1 : 0;
      const end = start + this.#pending.readInt32BE(start);
      if (this.#pending.length < end) return;
      const body = this.#pending.subarray(start + 4, end);
      if (this.#begun) this.#message(String.fromCharCode(this.#pending[0] ?? 0), body);
      this.#begun = true;
      this.#pending = this.#pending.subarray(end);
    }
  }

  #message(type: string, body: Buffer): void {
    const [first = '', second = ''] = body.toString('utf8').split('\0', 2);
    if (type === 'Q') this.#statement(first, body);
    if (type === 'P') this.#statements.set(first, second);
    if (type === 'B') this.#statement(this.#statements.get(second) ?? '', body);
  }

  #statement(text: string, body: Buffer): void {
    if (/^begin\b/i.test(text)) {
      this.#of = null;
      this.#projection = null;
    } else if (text.includes('FOR UPDATE OF s NOWAIT')) {
      this.#of = 'page';
      this.#projection = firstParameter(body);
    } else if (text.startsWith('TRUNCATE')) this.#of = 'reset';
    else if (/^commit\b/i.test(text) && this.#of !== null) {
      this.#onCommit({ of: this.#of, projection: this.#projection });
    }
  }
}

/** The values of a Bind message: portal, statement, formats, then the values with their lengths. */
function firstParameter(body: Buffer): string | null {
  let at = body.indexOf(0, body.indexOf(0) + 1) + 1;
  at += 2 + 2 * body.readInt16BE(at);
  if (body.readInt16BE(at) === 0) return null;
  const length = body.readInt32BE(at + 2);
  return length < 0 ? null : body.toString('utf8', at + 6, at + 6 + length);
}
