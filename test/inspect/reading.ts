import type { StatelyInspectionEvent } from '@statelyai/inspect';
import type { Subscriber } from '../../src/inspect/subscribers.ts';

/** A frame as a client of `@statelyai/inspect` gets it. */
export type Frame = StatelyInspectionEvent;

/** A subscriber that reads everything at once, unless `holdsBack` is set. */
export class CollectingSubscriber implements Subscriber {
  readonly texts: string[] = [];
  waiting = 0;
  dropped = false;
  /** It reads nothing until the test calls `read`. */
  holdsBack = false;
  read: () => void = () => undefined;

  send(messages: readonly string[], written?: () => void): void {
    this.texts.push(...messages);
    if (written === undefined) return;
    if (this.holdsBack) this.read = written;
    else written();
  }

  drop(): void {
    this.dropped = true;
  }

  get frames(): readonly Frame[] {
    return this.texts.map((text) => JSON.parse(text) as Frame);
  }
}

/** The states of one actor in its snapshots, in order, without repeats: `live.waiting`. */
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
