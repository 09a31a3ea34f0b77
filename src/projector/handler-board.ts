/**
 * The layout of the memory that says what the event loop runs, so that another thread can read it while the loop is
 * blocked. Int32: the number of turns of the event loop; the index of the projection whose code ran last (-1: none); the
 * number of events of the page that it prepares, 0 while a handler runs; unused. BigInt64: the position of the first event
 * of that page; then for each projection the position that it handles, 0 while it handles none, so that a pending async
 * handler is visible too.
 */
const HEADER_BYTES = 16;

/** The entry of one projection. It costs a few stores in memory for each event. */
export interface HandlerSlot {
  enter(position: bigint): void;
  /** The handler has returned. */
  back(): void;
  /** A page is planned and encoded from now on, until `leave`. */
  prepare(position: bigint, events: number): void;
  leave(): void;
}

/** The thread that runs the projections writes it, and the thread of the watchdog reads it. */
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

  /** Counts a turn of the event loop. */
  heartbeat(): void {
    Atomics.add(this.#header, 0, 1);
  }

  /** Null for a name that the board does not have. */
  slot(name: string): HandlerSlot | null {
    const index = this.names.indexOf(name);
    if (index < 0) return null;
    const header = this.#header;
    const positions = this.#positions;
    // Plain stores suffice: the watchdog reads them after seconds without a write.
    let events = 0;
    return {
      enter: (position) => {
        header[1] = index;
        header[2] = 0;
        positions[index + 1] = position;
      },
      back: () => {
        header[1] = events > 0 ? index : -1;
        header[2] = events;
        positions[index + 1] = 0n;
      },
      prepare: (position, count) => {
        events = count;
        header[1] = index;
        header[2] = count;
        positions[0] = position;
      },
      leave: () => {
        events = 0;
        header[1] = -1;
        header[2] = 0;
        positions[index + 1] = 0n;
      },
    };
  }
}
