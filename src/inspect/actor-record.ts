import type { AnyActor } from 'xstate';
import { definitionOf } from './definition.ts';
import type { SentUpdates } from './update-throttle.ts';

/**
 * A live actor, by reference. It is turned into text only when a message is sent: thousands of operations begin and end
 * while no client reads.
 */
export class ActorRecord {
  /** Counts up with each actor: the order in which actors are sent to a new subscriber, parents first. */
  readonly number: number;
  snapshot: unknown;
  event: unknown = { type: 'xstate.init' };
  /** Here and not in a separate map, because most actors end at once. */
  sentUpdates?: SentUpdates;
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

  /** A JSON text. */
  get sessionId(): string {
    return this.#idOf(this.#actor.sessionId);
  }

  /** `"sessionId":"…","rootId":"…"`, computed once: it is part of every message about the actor. */
  get ids(): string {
    this.#ids ??= `"sessionId":${this.sessionId},"rootId":${this.#idOf(this.#rootId)}`;
    return this.#ids;
  }

  /** `"name":"…","parentId":"…","definition":"…"`; the definition is a chart as a JSON text. */
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
