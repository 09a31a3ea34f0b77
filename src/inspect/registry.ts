import type { AnyActor } from 'xstate';
import { Living } from './living.ts';

/** Every actor that lives, in the order in which they were made. */
export class Registry {
  readonly #boot: string;
  readonly #living = new Map<string, Living>();
  #count = 0;

  /** @param boot goes before every id: XState counts from 0 in each process, so a restart would take up old ids */
  constructor(boot: string) {
    this.#boot = boot;
  }

  add(actor: AnyActor, rootId: string): Living {
    this.#count += 1;
    const living = new Living(actor, { number: this.#count, boot: this.#boot, rootId });
    this.#living.set(actor.sessionId, living);
    return living;
  }

  /** @param sessionId as XState has it */
  find(sessionId: string): Living | undefined {
    return this.#living.get(sessionId);
  }

  remove(sessionId: string): void {
    this.#living.delete(sessionId);
  }

  /** The next ones after this number, so many at most. */
  after(number: number, atMost: number): readonly Living[] {
    const found: Living[] = [];
    for (const living of this.#living.values()) {
      if (living.number <= number) continue;
      found.push(living);
      if (found.length === atMost) break;
    }
    return found;
  }

  get size(): number {
    return this.#living.size;
  }
}
