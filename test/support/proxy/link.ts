import type { Socket } from 'node:net';
import { FrontendReader, type SentCommit } from '../frontend-reader.ts';
import { BackendReader } from './backend-reader.ts';
import { type CommitTraps, KeptReply } from './commit-trap.ts';
import { Lane, type Weather } from './lane.ts';

/** How a connection ends: 'fin', as when a process closes it, or 'rst', as when its machine has lost it. */
export type Ending = 'fin' | 'rst';

/** One client and its connection to the server. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #traps: CommitTraps;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #backend = new BackendReader();
  #silent = false;
  #held: Promise<void> | undefined;
  #kept: KeptReply | null = null;
  /** Bytes that were forwarded to the client. */
  #carried = 0;
  #cutAt: { readonly bytes: number; readonly onCut: () => void } | null = null;

  constructor(client: Socket, server: Socket, weather: () => Weather, traps: CommitTraps) {
    this.#client = client;
    this.#server = server;
    this.#traps = traps;
    this.#up = new Lane(server, weather);
    this.#down = new Lane(client, weather);
    const reader = new FrontendReader((commit) => this.#onCommit(commit));
    client.on('data', (bytes: Buffer) => {
      if (this.#silent) return;
      reader.read(bytes);
      this.#up.send(bytes, this.#held);
      this.#held = undefined;
    });
    server.on('data', (bytes: Buffer) => this.#fromServer(bytes));
    this.#joinEnds();
  }

  /** True while neither side has ended. */
  get open(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed;
  }

  /** True when both sides have ended. */
  get over(): boolean {
    return this.#client.destroyed && this.#server.destroyed;
  }

  cut(how: Ending): void {
    if (how === 'rst') {
      this.#client.resetAndDestroy();
      this.#server.destroy();
    } else {
      this.#client.end();
      this.#server.end();
    }
  }

  /** From now on no byte and no close is forwarded in either direction. */
  silence(): void {
    this.#silent = true;
  }

  /** Cuts (rst) after this many more bytes were forwarded to the client; null: never. */
  cutAfter(bytes: number | null, onCut: () => void): void {
    this.#cutAt = bytes === null ? null : { bytes: this.#carried + bytes, onCut };
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromServer(bytes: Buffer): void {
    if (this.#silent) return;
    this.#backend.read(bytes);
    if (this.#kept !== null) {
      this.#kept.add(bytes);
      return;
    }
    const cutAt = this.#cutAt;
    const left = cutAt === null ? Number.POSITIVE_INFINITY : cutAt.bytes - this.#carried;
    this.#carried += bytes.length;
    this.#down.send(bytes.subarray(0, Math.min(bytes.length, left)));
    if (cutAt === null || bytes.length < left) return;
    this.#cutAt = null;
    this.cut('rst');
    cutAt.onCut();
  }

  #onCommit(commit: SentCommit): void {
    const trap = this.#traps.spring(commit);
    if (trap === null) return;
    this.#held = trap.before?.({ ...commit, pid: this.#backend.pid ?? 0 });
    if (trap.onLostReply !== undefined) this.#kept = new KeptReply(commit, trap.onLostReply);
  }

  /** The end of a client ends its session, and the end of the session ends the client's connection. */
  #joinEnds(): void {
    for (const [socket, other, lane] of [
      [this.#client, this.#server, this.#up],
      [this.#server, this.#client, this.#down],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('end', () => {
        if (!this.#silent) lane.end();
      });
      socket.on('error', () => {
        if (!this.#silent) other.destroy();
      });
    }
  }
}
