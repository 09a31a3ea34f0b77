import { expect, test } from 'vitest';
import { none } from '../../src/core/compound-statements.ts';
import type { StoredEvent } from '../../src/core/event.ts';
import { defineProjection } from '../../src/core/projection.ts';
import type { StandardSchema } from '../../src/core/standard-schema.ts';
import { checkedEvent } from '../../src/projector/checked-event.ts';

const noted: StoredEvent = Object.freeze({
  position: 7n,
  id: 'id',
  instanceId: 'tenant',
  aggregateName: 'domain.Note',
  aggregateId: 'a',
  sequenceNo: 3n,
  name: 'Noted',
  occurredAt: '2026-03-01T19:00:00.123456Z',
  tstamp: 1_772_391_600n,
  payload: { text: 'raw' },
  metadata: { by: 'somebody' },
});

function checking(validate: (payload: unknown) => { readonly value: unknown }) {
  const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate } };
  return defineProjection<{ name: string; payload: unknown }>()({
    name: 'band',
    tables: { t: { key: ['id'] } },
    on: { Noted: () => none() },
    events: { Noted: schema },
  });
}

// Seen red with: another field of the event in the place of `aggregateName`; the payload not frozen; the event not frozen.
test('what a schema makes of a payload stands in its place, and everything else of the event is as it was', () => {
  const made = checkedEvent(
    checking(() => ({ value: { text: ['made'] } })),
    noted,
  );
  expect(made).toEqual({ ...noted, payload: { text: ['made'] } });
  expect(Object.isFrozen(made)).toBe(true);
  expect(Object.isFrozen(Object(made.payload).text)).toBe(true);
});

test('an event whose payload its schema leaves as it is, or that has none, is the same event', () => {
  expect(
    checkedEvent(
      checking((value) => ({ value })),
      noted,
    ),
  ).toBe(noted);
  const other = { ...noted, name: 'Other' };
  expect(
    checkedEvent(
      checking(() => ({ value: 1 })),
      other,
    ),
  ).toBe(other);
});
