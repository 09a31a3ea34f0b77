import type { Living } from './registry.ts';
import { shownEvent, shownSnapshot } from './shown.ts';

/** The version of `@statelyai/inspect` whose wire protocol this is: its receivers look at it. */
const PROTOCOL = '0.7.2';

/** What has happened to an actor, by reference: it becomes text only if somebody is there to read it. */
export type News =
  | { readonly kind: 'actor'; readonly about: Living; readonly at: number; readonly snapshot: unknown }
  | {
      readonly kind: 'event';
      readonly about: Living;
      readonly at: number;
      readonly event: unknown;
      readonly source: Living | undefined;
    }
  | {
      readonly kind: 'snapshot';
      readonly about: Living;
      readonly at: number;
      readonly snapshot: unknown;
      readonly event: unknown;
    };

/** One frame of the wire protocol. @param texts whether details and messages may leave, which can hold payload */
export function toMessage(news: News, texts: boolean): string {
  const { about, at } = news;
  const { sessionId, rootId } = about;
  const common = { sessionId, rootId, createdAt: String(at), id: null, _version: PROTOCOL };
  switch (news.kind) {
    case 'actor': {
      const { name, parentId, definition } = about;
      const snapshot = shownSnapshot(news.snapshot, texts);
      return JSON.stringify({ type: '@xstate.actor', name, parentId, definition, snapshot, ...common });
    }
    case 'event':
      return JSON.stringify({
        type: '@xstate.event',
        event: shownEvent(news.event, texts),
        sourceId: news.source?.sessionId,
        ...common,
      });
    case 'snapshot':
      return JSON.stringify({
        type: '@xstate.snapshot',
        snapshot: shownSnapshot(news.snapshot, texts),
        event: shownEvent(news.event, texts),
        ...common,
      });
  }
}

/** Of an actor as it stands, for somebody who comes late: what it is, and how it got to its present state. */
export function introduction(about: Living, at: number, texts: boolean): readonly string[] {
  const { snapshot, event } = about;
  return [
    toMessage({ kind: 'actor', about, at, snapshot }, texts),
    toMessage({ kind: 'snapshot', about, at, snapshot, event }, texts),
  ];
}
