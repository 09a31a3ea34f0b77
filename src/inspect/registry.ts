import type { AnyActor } from 'xstate';
import { definitionOf } from './definition.ts';
import type { Lately } from './pace.ts';

/** An actor that lives. What it is does not change; what it last did is kept as XState's own objects, by reference. */
export interface Living {
  /** Counts up with each actor: the order in which newcomers are told of them, parents first. */
  readonly number: number;
  readonly sessionId: string;
  /** `"sessionId":"…","rootId":"…"`: in every message about it, so made once. */
  readonly ids: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly definition: string;
  snapshot: unknown;
  event: unknown;
  /** Beside the actor and not in a map of its own: there are thousands a second, most of them gone at once. */
  lately?: Lately;
}

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
    const { id, sessionId, logic, _parent: parent } = actor;
    this.#count += 1;
    const [ownId, ofRoot] = [this.#idOf(sessionId), this.#idOf(rootId)];
    const living: Living = {
      number: this.#count,
      sessionId: ownId,
      ids: `"sessionId":${JSON.stringify(ownId)},"rootId":${JSON.stringify(ofRoot)}`,
      parentId: parent === undefined ? undefined : this.#idOf(parent.sessionId),
      name: id === sessionId ? nameOf(logic, id) : id,
      definition: definitionOf(logic, id),
      snapshot: actor.getSnapshot(),
      event: { type: 'xstate.init' },
    };
    this.#living.set(sessionId, living);
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

  #idOf(sessionId: string): string {
    return `${this.#boot}:${sessionId}`;
  }
}

function nameOf(logic: unknown, otherwise: string): string {
  const config = typeof logic === 'object' && logic !== null ? Reflect.get(logic, 'config') : undefined;
  const id = typeof config === 'object' && config !== null ? Reflect.get(config, 'id') : undefined;
  return typeof id === 'string' ? id : otherwise;
}
