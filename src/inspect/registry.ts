import type { AnyActor } from 'xstate';
import { ActorRecord } from './actor-record.ts';

/** Every actor that lives, in the order in which they were made. */
export class Registry {
  readonly #boot: string;
  readonly #living = new Map<string, ActorRecord>();
  #count = 0;

  /** @param boot goes before every id: XState counts from 0 in each process, so a restart would take up old ids */
  constructor(boot: string) {
    this.#boot = boot;
  }

  add(actor: AnyActor, rootId: string): ActorRecord {
    this.#count += 1;
    const living = new ActorRecord(actor, { number: this.#count, boot: this.#boot, rootId });
    this.#living.set(actor.sessionId, living);
    return living;
  }

  /** @param sessionId as XState has it */
  find(sessionId: string): ActorRecord | undefined {
    return this.#living.get(sessionId);
  }

  remove(sessionId: string): void {
    this.#living.delete(sessionId);
  }

  /** The next ones after this number, so many at most. */
  after(number: number, atMost: number): readonly ActorRecord[] {
    const found: ActorRecord[] = [];
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
