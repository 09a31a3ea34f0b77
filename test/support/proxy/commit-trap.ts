import type { SentCommit } from '../frontend-reader.ts';

/** A transaction whose COMMIT was taken by the server while its client never heard of it. */
export interface LostReply extends SentCommit {
  /** What the server answered: COMMIT, or ROLLBACK. */
  readonly tag: string;
}

/** What is to happen to one COMMIT. Each trap goes off once. */
export interface CommitTrap {
  readonly of: SentCommit['of'];
  /** Which one, counted from 1 since the trap was laid. */
  readonly nth: number;
  /** The COMMIT goes on to the server when this resolves. `pid` is the process that serves the session. */
  readonly before?: (commit: SentCommit & { readonly pid: number }) => Promise<void>;
  /** The reply is kept back, and nothing of this connection reaches the client any more. */
  readonly onLostReply?: (lost: LostReply) => void;
}

/** Lies in wait for a COMMIT, over all connections of a proxy. */
export class CommitTraps {
  #trap: CommitTrap | null = null;
  #left = 0;

  lay(trap: CommitTrap): void {
    this.#trap = trap;
    this.#left = trap.nth;
  }

  /** @returns the trap, if this COMMIT is the one it was laid for */
  spring(commit: SentCommit): CommitTrap | null {
    const trap = this.#trap;
    if (trap === null || trap.of !== commit.of) return null;
    this.#left -= 1;
    if (this.#left > 0) return null;
    this.#trap = null;
    return trap;
  }
}

/** Collects what the server answers to a COMMIT, until the answer is complete. */
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

/** The tag of a CommandComplete after which the server is ready again, outside of any transaction. */
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
