import type { Random } from './random.ts';

/** Keeps the latest `capacity` items, so that a history of any length needs the same memory. */
export class Ring<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  #oldest = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (this.#items.length < this.#capacity) {
      this.#items.push(item);
      return;
    }
    this.#items[this.#oldest] = item;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** An item that matches, or none: a few random items are tried, not all. */
  some(random: Random, matches: (item: T) => boolean = () => true): T | undefined {
    for (let attempt = 0; attempt < 8 && this.#items.length > 0; attempt += 1) {
      const item = random.pick(this.#items);
      if (matches(item)) return item;
    }
    return undefined;
  }

  /** Removes a random item and returns it. */
  take(random: Random): T | undefined {
    if (this.#items.length === 0) return undefined;
    const [taken] = this.#items.splice(random.below(this.#items.length), 1);
    this.#oldest = 0;
    return taken;
  }
}
