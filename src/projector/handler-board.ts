/**
 * What runs in the event loop, in memory that another thread can read while this one is blocked. Int32: how often the
 * event loop has come round; whose code ran last (its place among the names, -1: nobody's); the number of events of the
 * page that it prepares, 0 while it is in a handler; unused. BigInt64: where that page begins; then for each name the
 * position being handled, 0 while none is, so that a pending async handler is seen too.
 */
const HEADER_BYTES = 16;

/** Where one projection says what it is at. A few stores in memory for each event. */
export interface HandlerSlot {
  enter(position: bigint): void;
  /** The handler has returned, in the midst of a page that is being prepared, or not. */
  back(): void;
  /** From here on a page is planned and encoded, until `leave`. */
  prepare(position: bigint, events: number): void;
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
    this.memory = new SharedArrayBuffer(HEADER_BYTES + 8 + 8 * names.length);
    this.#header = new Int32Array(this.memory, 0, 4);
    this.#positions = new BigInt64Array(this.memory, HEADER_BYTES);
    this.#header[1] = -1;
  }

  /** The event loop has come round. */
  heartbeat(): void {
    Atomics.add(this.#header, 0, 1);
  }

  /** Null for a name that has no place here. */
  slot(name: string): HandlerSlot | null {
    const place = this.names.indexOf(name);
    if (place < 0) return null;
    const header = this.#header;
    const positions = this.#positions;
    // Plain stores: whoever reads them has waited for seconds in which nothing was written.
    let events = 0;
    return {
      enter: (position) => {
        header[1] = place;
        header[2] = 0;
        positions[place + 1] = position;
      },
      back: () => {
        header[1] = events > 0 ? place : -1;
        header[2] = events;
        positions[place + 1] = 0n;
      },
      prepare: (position, count) => {
        events = count;
        header[1] = place;
        header[2] = count;
        positions[0] = position;
      },
      leave: () => {
        events = 0;
        header[1] = -1;
        header[2] = 0;
        positions[place + 1] = 0n;
      },
    };
  }
}
