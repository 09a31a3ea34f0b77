import type { ActorRecord } from './actor-record.ts';
import { redactEvent, redactSnapshot } from './redact.ts';

/** The version of `@statelyai/inspect` whose wire protocol this is: its receivers look at it. */
const PROTOCOL = '0.7.2';

/** What has happened to an actor, by reference: it becomes text only if somebody is there to read it. */
export type ActorUpdate =
  | { readonly kind: 'actor'; readonly about: ActorRecord; readonly at: number; readonly snapshot: unknown }
  | {
      readonly kind: 'event';
      readonly about: ActorRecord;
      readonly at: number;
      readonly event: unknown;
      readonly source: ActorRecord | undefined;
    }
  | {
      readonly kind: 'snapshot';
      readonly about: ActorRecord;
      readonly at: number;
      readonly snapshot: unknown;
      readonly event: unknown;
    };

/** One frame of the wire protocol. @param texts whether details and messages may leave, which can hold payload */
export function toMessage(news: ActorUpdate, texts: boolean): string {
  const { about, at } = news;
  const end = `${about.ids},"createdAt":"${at}","id":null,"_version":"${PROTOCOL}"}`;
  switch (news.kind) {
    case 'actor':
      return `{"type":"@xstate.actor",${about.described},"snapshot":${redactSnapshot(news.snapshot, texts)},${end}`;
    case 'event': {
      const source = news.source === undefined ? '' : `"sourceId":${news.source.sessionId},`;
      return `{"type":"@xstate.event","event":${redactEvent(news.event, texts)},${source}${end}`;
    }
    case 'snapshot':
      return `{"type":"@xstate.snapshot","snapshot":${redactSnapshot(news.snapshot, texts)},"event":${redactEvent(news.event, texts)},${end}`;
  }
}

/** Of an actor as it stands, for somebody who comes late: what it is, and how it got to its present state. */
export function introduction(about: ActorRecord, at: number): readonly ActorUpdate[] {
  const { snapshot, event } = about;
  return [
    { kind: 'actor', about, at, snapshot },
    { kind: 'snapshot', about, at, snapshot, event },
  ];
}
