import type { SentCommit } from '../frontend-reader.ts';

/** A transaction whose COMMIT reached the server and whose reply did not reach the client. */
export interface LostReply extends SentCommit {
  /** The command tag of the reply: COMMIT, or ROLLBACK. */
  readonly tag: string;
}

/** An action on one COMMIT. Each trap is used once. */
export interface CommitTrap {
  readonly of: SentCommit['of'];
  /** The number of the COMMIT, counted from 1 since the trap was laid. */
  readonly nth: number;
  /** The COMMIT is forwarded when this resolves. `pid`: the server process of the session. */
  readonly before?: (commit: SentCommit & { readonly pid: number }) => Promise<void>;
  /** The reply is held back, and nothing more of this connection reaches the client. */
  readonly onLostReply?: (lost: LostReply) => void;
}

/** Finds the COMMIT of the current trap among all connections of a proxy. */
export class CommitTraps {
  #trap: CommitTrap | null = null;
  #left = 0;

  lay(trap: CommitTrap): void {
    this.#trap = trap;
    this.#left = trap.nth;
  }

  /** @returns the trap if it was laid for this COMMIT, else null */
  spring(commit: SentCommit): CommitTrap | null {
    const trap = this.#trap;
    if (trap === null || trap.of !== commit.of) return null;
    this.#left -= 1;
    if (this.#left > 0) return null;
    this.#trap = null;
    return trap;
  }
}

/** Collects the server's reply to a COMMIT until it is complete. */
export class KeptReply {
  readonly #commit: SentCommit;
  #onComplete: ((lost: LostReply) => void) | null;
  #bytes = Buffer.alloc(0);

  constructor(commit: SentCommit, onComplete: (lost: LostReply) => void) {
    this.#commit = commit;
    this.#onComplete = onComplete;
  }

  add(bytes: Buffer): void {
    if (this.#onComplete === null) return;
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const tag = completed(this.#bytes);
    if (tag === null) return;
    this.#onComplete({ ...this.#commit, tag });
    this.#onComplete = null;
  }
}

/** The tag of a CommandComplete that is followed by ReadyForQuery outside a transaction; null until then. */
function completed(replies: Buffer): string | null {
  let tag: string | null = null;
  let at = 0;
  while (at + 5 <= replies.length) {
    const end = at + 1 + replies.readInt32BE(at + 1);
    if (end > replies.length) return null;
    const type = String.fromCharCode(replies[at] ?? 0);
    if (type === 'C') tag = replies.toString('latin1', at + 5, end - 1);
    if (type === 'Z' && tag !== null && replies[at + 5] === 'I'.charCodeAt(0)) return tag;
    at = end;
  }
  return null;
}
