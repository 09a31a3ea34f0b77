import { pathOfValue } from './chart/lighting.ts';

/** A projection's actor went from one state to another. */
export interface Step {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The event that caused it; null where only its effect was seen. */
  readonly cause: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Makes steps out of messages of `WS /inspect` (the wire protocol of `@statelyai/inspect`). What is no snapshot of a
 * projection's actor, or no message at all, is passed over.
 */
export class StepReader {
  readonly #names = new Map<string, string>();
  readonly #states = new Map<string, string>();

  /** The step that this message tells; null: none. */
  read(text: unknown): Step | null {
    // Half of all messages, which say nothing of a state: not worth reading.
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

  /** Where a projection's actor stands; null: not known. */
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
