import type { Living } from './living.ts';
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
  const end = `${about.ids},"createdAt":"${at}","id":null,"_version":"${PROTOCOL}"}`;
  switch (news.kind) {
    case 'actor':
      return `{"type":"@xstate.actor",${about.described},"snapshot":${shownSnapshot(news.snapshot, texts)},${end}`;
    case 'event': {
      const source = news.source === undefined ? '' : `"sourceId":${news.source.sessionId},`;
      return `{"type":"@xstate.event","event":${shownEvent(news.event, texts)},${source}${end}`;
    }
    case 'snapshot':
      return `{"type":"@xstate.snapshot","snapshot":${shownSnapshot(news.snapshot, texts)},"event":${shownEvent(news.event, texts)},${end}`;
  }
}

/** Of an actor as it stands, for somebody who comes late: what it is, and how it got to its present state. */
export function introduction(about: Living, at: number): readonly News[] {
  const { snapshot, event } = about;
  return [
    { kind: 'actor', about, at, snapshot },
    { kind: 'snapshot', about, at, snapshot, event },
  ];
}
