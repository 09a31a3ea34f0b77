import type { ActorRecord } from './actor-record.ts';
import { redactEvent, redactSnapshot } from './redact.ts';

/** The version of `@statelyai/inspect` whose wire protocol this is; its receivers check it. */
const PROTOCOL = '0.7.2';

/** A change of an actor, by reference: it becomes text only if there are subscribers. */
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

/** One frame of the wire protocol. @param texts whether details and error messages, which can hold payload, may leave */
export function toMessage(update: ActorUpdate, texts: boolean): string {
  const { about, at } = update;
  const end = `${about.ids},"createdAt":"${at}","id":null,"_version":"${PROTOCOL}"}`;
  switch (update.kind) {
    case 'actor':
      return `{"type":"@xstate.actor",${about.described},"snapshot":${redactSnapshot(update.snapshot, texts)},${end}`;
    case 'event': {
      const source = update.source === undefined ? '' : `"sourceId":${update.source.sessionId},`;
      return `{"type":"@xstate.event","event":${redactEvent(update.event, texts)},${source}${end}`;
    }
    case 'snapshot':
      return `{"type":"@xstate.snapshot","snapshot":${redactSnapshot(update.snapshot, texts)},"event":${redactEvent(update.event, texts)},${end}`;
  }
}

/** What a new subscriber is sent of a live actor: its definition, and its present state with the event that led to it. */
export function introduction(about: ActorRecord, at: number): readonly ActorUpdate[] {
  const { snapshot, event } = about;
  return [
    { kind: 'actor', about, at, snapshot },
    { kind: 'snapshot', about, at, snapshot, event },
  ];
}
