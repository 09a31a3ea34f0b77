/** Reads the first messages of a server for the id of the process that serves the session. */
export class BackendReader {
  #pending = Buffer.alloc(0);
  #pid: number | null = null;

  /** Null until the server has sent it. */
  get pid(): number | null {
    return this.#pid;
  }

  read(bytes: Buffer): void {
    if (this.#pid !== null) return;
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 5) {
      const end = 1 + this.#pending.readInt32BE(1);
      if (this.#pending.length < end) return;
      if (this.#pending[0] === 'K'.charCodeAt(0)) this.#pid = this.#pending.readInt32BE(5);
      this.#pending = this.#pending.subarray(end);
    }
  }
}
