import type { AnyActor } from 'xstate';
import { ActorRecord } from './actor-record.ts';

/** Every live actor, in the order of their creation. */
export class Registry {
  readonly #boot: string;
  readonly #records = new Map<string, ActorRecord>();
  #count = 0;

  /** @param boot prefix of every id: XState counts from 0 in each process, so a restart would use the same ids again */
  constructor(boot: string) {
    this.#boot = boot;
  }

  add(actor: AnyActor, rootId: string): ActorRecord {
    this.#count += 1;
    const record = new ActorRecord(actor, { number: this.#count, boot: this.#boot, rootId });
    this.#records.set(actor.sessionId, record);
    return record;
  }

  /** @param sessionId without the prefix */
  find(sessionId: string): ActorRecord | undefined {
    return this.#records.get(sessionId);
  }

  remove(sessionId: string): void {
    this.#records.delete(sessionId);
  }

  /** The next actors after this number, at most this many. */
  after(number: number, atMost: number): readonly ActorRecord[] {
    const found: ActorRecord[] = [];
    for (const record of this.#records.values()) {
      if (record.number <= number) continue;
      found.push(record);
      if (found.length === atMost) break;
    }
    return found;
  }

  get size(): number {
    return this.#records.size;
  }
}
