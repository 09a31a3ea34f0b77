import type { StatelyInspectionEvent } from '@statelyai/inspect';
import type { Reader } from '../../src/inspect/subscribers.ts';

/** A frame as a client of `@statelyai/inspect` gets it. */
export type Frame = StatelyInspectionEvent;

/** A reader that takes everything at once, unless it is told to hold back. */
export class CollectingReader implements Reader {
  readonly texts: string[] = [];
  waiting = 0;
  dropped = false;
  /** Set: it takes nothing, and this is what would say that it has. */
  holdsBack = false;
  take: () => void = () => undefined;

  send(messages: readonly string[], taken?: () => void): void {
    this.texts.push(...messages);
    if (taken === undefined) return;
    if (this.holdsBack) this.take = taken;
    else taken();
  }

  drop(): void {
    this.dropped = true;
  }

  get frames(): readonly Frame[] {
    return this.texts.map((text) => JSON.parse(text) as Frame);
  }
}

/** What snapshots say of one actor, in order, without repeats: `live.waiting`. */
export function statesOf(frames: readonly Frame[], name: string): readonly string[] {
  const ids = new Set(
    frames.flatMap((frame) => (frame.type === '@xstate.actor' && frame.name === name ? frame.sessionId : [])),
  );
  const states = frames.flatMap((frame) =>
    frame.type === '@xstate.snapshot' && ids.has(frame.sessionId) ? stateOf(frame.snapshot) : [],
  );
  return states.filter((state, index) => state !== states[index - 1]);
}

function stateOf(snapshot: object): string {
  const value: unknown = Reflect.get(snapshot, 'value');
  if (typeof value === 'object' && value !== null) return Object.entries(value).flat().join('.');
  return String(value ?? Reflect.get(snapshot, 'status'));
}
