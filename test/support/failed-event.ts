import type { Capsule } from '../../src/core/capsule.ts';
import type { FailureRecord, TryReport } from '../../src/core/failure.ts';

/** The failure of an event that creates a band without a name. */
export const failedEvent: FailureRecord = {
  name: 'band',
  position: '43',
  eventId: '00000000-0000-4000-8000-000000000043',
  eventName: 'BandCreated',
  attempts: 6,
  error: 'null value in column "name"',
  code: null,
  sqlstate: '23502',
  statement: 'INSERT INTO "band" ("id") VALUES ($1)',
  firstAt: '2026-03-01T03:00:00.000Z',
  lastAt: '2026-03-01T03:00:05.000Z',
  skipped: null,
};

export const tryReport: TryReport = {
  name: 'band',
  position: '43',
  eventId: failedEvent.eventId,
  eventName: 'BandCreated',
  payload: '{"name": null}',
  outcome: 'applied',
  error: null,
  code: null,
  sqlstate: null,
  statements: [{ text: 'UPDATE "band" SET "name" = $1 WHERE "id" = $2', values: ["'Ett band'", null] }],
  moreStatements: 2,
  changes: [
    { table: 'band', before: { id: '1', name: 'Band', city: null }, after: { id: '1', name: 'Ett band', city: null } },
    { table: 'band', before: null, after: { id: '2', name: 'Ny', city: null } },
    { table: 'band', before: { id: '3', name: 'Gammal\u001b[31m', city: null }, after: null },
  ],
  moreChanges: 7,
};

const event = {
  position: '43',
  id: failedEvent.eventId,
  instanceId: '',
  aggregateName: 'domain.Band',
  aggregateId: '1',
  sequenceNo: '2',
  name: 'BandCreated',
  occurredAt: '2026-03-01T02:59:59.123456Z',
  payload: '{"name": null}',
  payloadLength: 14,
  metadata: '{}',
};

export const capsule: Capsule = {
  capsule: 1,
  engine: '1.2.3',
  projection: { name: 'band', version: 1, handles: ['BandCreated'] },
  event,
  stream: { before: [], after: [event] },
  handledBefore: [event],
  failure: failedEvent,
  attempt: {
    outcome: 'failed',
    error: failedEvent.error,
    code: null,
    sqlstate: '23502',
    statements: tryReport.statements,
    moreStatements: 0,
  },
  tables: [
    {
      name: 'band',
      key: ['id'],
      unique: [['name']],
      columns: [{ name: 'id', type: 'text', oid: 25, notNull: true, computed: false }],
      rows: [{ id: '1' }],
      more: false,
    },
  ],
};
