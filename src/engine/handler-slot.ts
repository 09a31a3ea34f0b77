/**
 * What handlers are at work on, in memory that another thread can read while this one is blocked. Int32: how often the
 * event loop has come round, and whose handler was called last (its place among the names, -1 for nobody's). Then for
 * each name, in pairs: the position being handled, 0 while none is (BigInt64), so that a pending async handler is seen too.
 */
const HEADER_BYTES = 8;

/** Where one projection says what it is at. Two stores in memory for each event. */
export interface HandlerSlot {
  enter(position: bigint): void;
  leave(): void;
}

/** Written by the thread that runs the projections, read by the watchdog's. */
export class HandlerBoard {
  readonly names: readonly string[];
  readonly memory: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #positions: BigInt64Array;

  constructor(names: readonly string[]) {
    this.names = names;
    this.memory = new SharedArrayBuffer(HEADER_BYTES + 8 * names.length);
    this.#header = new Int32Array(this.memory, 0, 2);
    this.#positions = new BigInt64Array(this.memory, HEADER_BYTES);
    this.#header[1] = -1;
  }

  /** The event loop has come round. */
  beat(): void {
    Atomics.add(this.#header, 0, 1);
  }

  /** Null for a name that has no place here. */
  slot(name: string): HandlerSlot | null {
    const place = this.names.indexOf(name);
    if (place < 0) return null;
    const header = this.#header;
    const positions = this.#positions;
    // Plain stores: whoever reads them has waited for seconds in which nothing was written.
    return {
      enter: (position) => {
        header[1] = place;
        positions[place] = position;
      },
      leave: () => {
        header[1] = -1;
        positions[place] = 0n;
      },
    };
  }
}
