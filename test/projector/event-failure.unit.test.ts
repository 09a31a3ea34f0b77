import { expect, test } from 'vitest';
import { EngineError } from '../../src/core/errors.ts';
import type { StoredEvent } from '../../src/core/event.ts';
import { ofOurDatabase } from '../../src/postgres/errors.ts';
import { eventFailed, toEventFailed } from '../../src/projector/event-failure.ts';
import { DependencyNotReady, EventFailed } from '../../src/projector/page-outcome.ts';

const place = {
  aggregateName: 'test.Stream',
  aggregateId: 'a',
  sequenceNo: 3n,
  occurredAt: '2026-01-01T00:00:00.000000Z',
};
const event = { position: 7n, id: 'e7', name: 'Noted', ...place } as StoredEvent;
const coded = (code: string) => Object.assign(new Error('no'), { code });

test('a failure names the event, the statement and the SQLSTATE', () => {
  const error = coded('23505');
  const failed = eventFailed(error, 3, event, 'INSERT …');
  expect(failed).toMatchObject({ index: 3, message: 'no', cause: error });
  expect(failed.failure).toEqual({
    position: 7n,
    eventId: 'e7',
    eventName: 'Noted',
    ...place,
    error: 'no',
    sqlstate: '23505',
    code: null,
    statement: 'INSERT …',
  });
  expect(eventFailed('text', 0, event).failure).toMatchObject({ error: 'text', sqlstate: null, statement: null });
});

// Seen red with: the cause of every error read; no cause read.
test('an error of the engine has its code and the SQLSTATE of its cause; the cause of another error is ignored', () => {
  const ours = new EngineError('HANDLER_IGNORED_ERROR', { name: 'band' }, { cause: coded('25P02') });
  expect(eventFailed(ours, 0, event).failure).toMatchObject({ code: 'HANDLER_IGNORED_ERROR', sqlstate: '25P02' });
  const other = new Error('wrapped', { cause: coded('25P02') });
  expect(eventFailed(other, 0, event).failure).toMatchObject({ code: null, sqlstate: null });
});

// Seen red with: each line of toEventFailed taken out.
test('an EventFailed, a DependencyNotReady and a transient error stay as they are', () => {
  const known = eventFailed(new Error('no'), 1, event);
  const waits = new DependencyNotReady(1, 'band comes first');
  const lost = ofOurDatabase(coded('08006'));
  for (const error of [known, waits, lost]) expect(toEventFailed(error, 2, event, null)).toBe(error);
  const failed = toEventFailed(coded('08006'), 2, event, 'SELECT 1');
  expect(failed).toBeInstanceOf(EventFailed);
  expect(failed).toMatchObject({ index: 2, failure: { statement: 'SELECT 1' } });
  expect(toEventFailed('text', 2, event, null)).toMatchObject({ failure: { statement: null } });
});
