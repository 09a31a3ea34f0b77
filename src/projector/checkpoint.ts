import type { IdleCheckpoint } from '../state/projection-state.ts';
import type { StoredCheckpoint } from './load-checkpoint.ts';
import { newestTime } from './page-request.ts';

/** Events that were looked at. */
export interface Passed {
  /** Up to here. */
  readonly to: bigint;
  /** Of the event at `to`, where it is known. */
  readonly toId?: string | null;
  /** Greatest epoch second among all of them; null where there are none. */
  readonly newest: bigint | null;
}

/** Where the stored row of a projection was found. */
export interface FoundRow {
  /** Where it stood before. */
  readonly from: bigint;
  readonly cursor: bigint;
  readonly generation: bigint;
}

/**
 * The two places of a projection: where its stored row stands (`place`), and how far events have been looked at
 * (`scanned`), which runs ahead over events that the projection does not handle.
 */
export class Checkpoint {
  #place: StoredCheckpoint | null = null;
  #scanned = 0n;
  #scannedId: string | null = null;
  #newestTime: bigint | null = null;
  /** Generation of the row when it was last read, of the events scanned since, and the newest one heard of. */
  #opened = -1n;
  #scannedIn = -1n;
  #newest = -1n;
  #epoch = 0;

  /** The stored row as it was read last; null when that is no longer to be trusted. */
  get place(): StoredCheckpoint | null {
    return this.#place;
  }

  /** How far events have been looked at. */
  get scanned(): bigint {
    return this.#scanned;
  }

  /** The same for a row of this generation; 0 where it was reset since. */
  scannedIn(generation: bigint): bigint {
    return generation === this.#scannedIn ? this.#scanned : 0n;
  }

  /** Id of the event at `scanned`, where it is not the stored row's and is known. */
  get scannedId(): string | null {
    return this.#scannedId;
  }

  /** Greatest epoch second of all events looked at since the row was read. */
  get newestTime(): bigint | null {
    return this.#newestTime;
  }

  /** Generation in which the events were looked at. */
  get generation(): bigint {
    return this.#scannedIn;
  }

  /** The row was read outside of a pull. */
  opened(generation: bigint): void {
    this.#opened = generation;
    this.heard(generation);
  }

  /**
   * The row is of this generation now: what is known of an older one is worthless, and no page of it can commit.
   * @returns whether the row has to be read again
   */
  heard(generation: bigint): boolean {
    if (generation > this.#newest) this.#newest = generation;
    return this.#opened < this.#newest;
  }

  /** The row was read, while the head's epoch was this one. */
  load(place: StoredCheckpoint, epoch: number): void {
    this.#epoch = epoch;
    this.#place = place;
    this.#scanned = place.cursor;
    this.#scannedId = null;
    this.#scannedIn = place.generation;
    this.#newestTime = null;
    this.opened(place.generation);
  }

  /**
   * A connection was lost since the row was read, even if nobody was using it: a crash may have taken back both. Or the
   * row has been reset since.
   */
  isStale(epoch: number): boolean {
    if (this.#place === null) return false;
    return this.#epoch !== epoch || this.#place.generation < this.#newest;
  }

  /** None of these events is handled. */
  passOver({ to, toId = null, newest }: Passed): void {
    this.#scanned = to;
    this.#scannedId = toId;
    this.#newestTime = newestTime(this.#newestTime, newest);
  }

  /** A page has been committed: the row stands at its end. */
  applied(place: StoredCheckpoint, newest: bigint | null): void {
    this.#place = place;
    this.passOver({ to: place.cursor, newest });
  }

  /** A move over events of no interest that the stored row does not show yet, or null. */
  get idleCheckpoint(): Omit<IdleCheckpoint, 'name'> | null {
    if (this.#place === null || this.#scanned <= this.#place.cursor) return null;
    const { cursor: from, generation } = this.#place;
    return { from, to: this.#scanned, toId: this.#scannedId, newest: this.#newestTime, generation };
  }

  /** The row has been found at `cursor`, where an idle move took it, or another daemon. */
  found({ from, cursor, generation }: FoundRow): void {
    const place = this.#place;
    if (place?.cursor !== from || place.generation !== generation || cursor < from) return;
    this.#place = { ...place, cursor };
    if (cursor > this.#scanned) this.passOver({ to: cursor, newest: null });
  }

  /** What is known of the stored row is no longer to be trusted. */
  forget(): void {
    this.#place = null;
  }
}
