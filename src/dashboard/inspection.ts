import { pathOfValue } from './chart/lighting.ts';

/** A change of state of a projection's actor, as the inspector reported it or as polling found it. */
export interface ActorTransition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Type of the event that caused it; null if polling found the change. */
  readonly cause: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Reads transitions from the messages of `WS /inspect` (the wire protocol of `@statelyai/inspect`). Ignores messages of
 * other actors and texts that are no message.
 */
export class TransitionReader {
  readonly #names = new Map<string, string>();
  readonly #states = new Map<string, string>();

  /** The transition that this message reports, or null. */
  read(text: unknown): ActorTransition | null {
    // Half of all messages are events, which hold no state. Parsing them would only cost time.
    if (typeof text === 'string' && text.startsWith('{"type":"@xstate.event"')) return null;
    const message = parse(text);
    const { type, sessionId } = message;
    if (typeof sessionId !== 'string') return null;
    if (type === '@xstate.actor' && typeof message['name'] === 'string') {
      const [, name] = /^projection\.(.+)$/.exec(message['name']) ?? [];
      if (name !== undefined) this.#names.set(sessionId, name);
    }
    const name = this.#names.get(sessionId);
    if (name === undefined || (type !== '@xstate.snapshot' && type !== '@xstate.actor')) return null;
    const to = pathOfValue(asRecord(message['snapshot'])['value']);
    if (to === null) return null;
    const from = this.#states.get(name);
    this.#states.set(name, to);
    if (from === undefined || from === to) return null;
    const cause = asRecord(message['event'])['type'];
    const at = Number(message['createdAt']) || Date.now();
    return { name, from, to, cause: typeof cause === 'string' ? cause : null, at };
  }

  /** State path of a projection's actor; null if no message of it has arrived. */
  stateOf(name: string): string | null {
    return this.#states.get(name) ?? null;
  }
}

function parse(text: unknown): Readonly<Record<string, unknown>> {
  try {
    return typeof text === 'string' ? asRecord(JSON.parse(text)) : {};
  } catch {
    return {};
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
