import type { IdleCheckpoint } from '../state/projection-state.ts';
import type { StoredCheckpoint } from './load-checkpoint.ts';
import { newestTime } from './page-request.ts';

/** A range of events that was read, none of which the projection handles. */
export interface ReadRange {
  /** The end of the range. */
  readonly to: bigint;
  /** Id of the event at `to`, if it is known. */
  readonly toId?: string | null;
  /** Greatest epoch second of these events; null if there are none. */
  readonly newest: bigint | null;
}

/** A cursor of the stored row, as a checkpoint flush found it. */
export interface ObservedCursor {
  /** The cursor that the flush expected. */
  readonly from: bigint;
  readonly cursor: bigint;
  readonly generation: bigint;
}

/**
 * The two positions of a projection: the cursor of its stored row (`stored`), and the position up to which its events were
 * read (`readPosition`), which is further on after events that the projection does not handle.
 */
export class Checkpoint {
  #stored: StoredCheckpoint | null = null;
  #readPosition = 0n;
  #readId: string | null = null;
  #newestTime: bigint | null = null;
  /** Generation of the row that was loaded last, of the events read since, and the newest one observed. */
  #loadedGeneration = -1n;
  #readGeneration = -1n;
  #newestGeneration = -1n;
  #epoch = 0;

  /** The stored row that was loaded last; null if it has to be loaded again. */
  get stored(): StoredCheckpoint | null {
    return this.#stored;
  }

  /** The position up to which events were read. */
  get readPosition(): bigint {
    return this.#readPosition;
  }

  /** The same for a row of this generation; 0 if the row was reset since. */
  readPositionIn(generation: bigint): bigint {
    return generation === this.#readGeneration ? this.#readPosition : 0n;
  }

  /** Id of the event at `readPosition`, if it is known and is not the event of the stored row. */
  get readId(): string | null {
    return this.#readId;
  }

  /** Greatest epoch second of all events that were read since the row was loaded. */
  get newestTime(): bigint | null {
    return this.#newestTime;
  }

  /** Generation in which the events were read. */
  get generation(): bigint {
    return this.#readGeneration;
  }

  /** The row was read outside of a run, when the machine opened the projection or after a reset. */
  observeLoaded(generation: bigint): void {
    this.#loadedGeneration = generation;
    this.observeGeneration(generation);
  }

  /**
   * The row has this generation now. No page of an older generation can commit, so a row of one has to be loaded again.
   * @returns whether the row has to be loaded again
   */
  observeGeneration(generation: bigint): boolean {
    if (generation > this.#newestGeneration) this.#newestGeneration = generation;
    return this.#loadedGeneration < this.#newestGeneration;
  }

  /** The row was loaded, in this epoch of the high-water mark. */
  load(stored: StoredCheckpoint, epoch: number): void {
    this.#epoch = epoch;
    this.#stored = stored;
    this.#readPosition = stored.cursor;
    this.#readId = null;
    this.#readGeneration = stored.generation;
    this.#newestTime = null;
    this.observeLoaded(stored.generation);
  }

  /**
   * Whether the loaded row may be out of date. Either a connection was lost since, even an idle one: a crash of the server
   * may have taken back the row and events. Or the row was reset.
   */
  isStale(epoch: number): boolean {
    if (this.#stored === null) return false;
    return this.#epoch !== epoch || this.#stored.generation < this.#newestGeneration;
  }

  /** The projection handles none of these events. */
  passOver({ to, toId = null, newest }: ReadRange): void {
    this.#readPosition = to;
    this.#readId = toId;
    this.#newestTime = newestTime(this.#newestTime, newest);
  }

  /** A page was committed; the cursor of the row is its end. */
  applied(stored: StoredCheckpoint, newest: bigint | null): void {
    this.#stored = stored;
    this.passOver({ to: stored.cursor, newest });
  }

  /** The move of the stored cursor over events that are not handled, which is still to be flushed; null if there is none. */
  get pendingFlush(): Omit<IdleCheckpoint, 'name'> | null {
    if (this.#stored === null || this.#readPosition <= this.#stored.cursor) return null;
    const { cursor: from, generation } = this.#stored;
    return { from, to: this.#readPosition, toId: this.#readId, newest: this.#newestTime, generation };
  }

  /** A flush has found the cursor of the row here: it moved the cursor itself, or another daemon did. */
  observeCursor({ from, cursor, generation }: ObservedCursor): void {
    const stored = this.#stored;
    if (stored?.cursor !== from || stored.generation !== generation || cursor < from) return;
    this.#stored = { ...stored, cursor };
    if (cursor > this.#readPosition) this.passOver({ to: cursor, newest: null });
  }

  /** The row has to be loaded again before the next page. */
  invalidate(): void {
    this.#stored = null;
  }
}
