import type { AnyActor } from 'xstate';
import { definitionOf } from './definition.ts';
import type { Lately } from './update-throttle.ts';

/**
 * An actor that lives, by reference. What is said of it becomes text when somebody is told: operations come and go by the
 * thousand, most of them unseen.
 */
export class ActorRecord {
  /** Counts up with each actor: the order in which newcomers are told of them, parents first. */
  readonly number: number;
  snapshot: unknown;
  event: unknown = { type: 'xstate.init' };
  /** Beside the actor and not in a map of its own: most are gone at once. */
  lately?: Lately;
  readonly #actor: AnyActor;
  readonly #boot: string;
  readonly #rootId: string;
  #ids?: string;

  constructor(actor: AnyActor, { number, boot, rootId }: { number: number; boot: string; rootId: string }) {
    this.number = number;
    this.snapshot = actor.getSnapshot();
    this.#actor = actor;
    this.#boot = boot;
    this.#rootId = rootId;
  }

  /** As JSON text. */
  get sessionId(): string {
    return this.#idOf(this.#actor.sessionId);
  }

  /** `"sessionId":"…","rootId":"…"`: in every message about it, so made once. */
  get ids(): string {
    this.#ids ??= `"sessionId":${this.sessionId},"rootId":${this.#idOf(this.#rootId)}`;
    return this.#ids;
  }

  /** `"name":"…","parentId":"…","definition":"…"`, the definition a chart as JSON text. */
  get described(): string {
    const { id, sessionId, logic, _parent: parent } = this.#actor;
    const name = JSON.stringify(id === sessionId ? nameOf(logic, id) : id);
    const above = parent === undefined ? '' : `"parentId":${this.#idOf(parent.sessionId)},`;
    return `"name":${name},${above}"definition":${definitionOf(logic, id)}`;
  }

  #idOf(sessionId: string): string {
    return JSON.stringify(`${this.#boot}:${sessionId}`);
  }
}

function nameOf(logic: unknown, otherwise: string): string {
  const config = typeof logic === 'object' && logic !== null ? Reflect.get(logic, 'config') : undefined;
  const id = typeof config === 'object' && config !== null ? Reflect.get(config, 'id') : undefined;
  return typeof id === 'string' ? id : otherwise;
}
