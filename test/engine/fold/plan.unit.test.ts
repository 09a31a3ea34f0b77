import { expect, test, vi } from 'vitest';
import type { StoredEvent } from '../../../src/core/event.ts';
import { defineProjection, type Handler } from '../../../src/core/projection.ts';
import type { StandardSchema } from '../../../src/core/standard-schema.ts';
import { create, lookup, none, several } from '../../../src/core/statements.ts';
import { findCulprit } from '../../../src/engine/attribution.ts';
import { CannotFold } from '../../../src/engine/fold/encode-write.ts';
import { lookupsOf, planPage } from '../../../src/engine/fold/plan.ts';
import { PageMeter } from '../../../src/engine/page-meter.ts';

const event = (position: bigint, name = 'Noted', payload: unknown = {}): StoredEvent =>
  ({ position, name, payload }) as StoredEvent;

function handling(
  on: Readonly<Record<string, Handler<StoredEvent>>>,
  events: Readonly<Record<string, StandardSchema>> = {},
) {
  return defineProjection<{ name: string; payload: unknown }>()({
    name: 'band',
    tables: { t: { key: ['id'] } },
    on,
    events,
  });
}

test('every event of a page has its plan, one that is not handled an empty one', () => {
  const row = create('t', { id: 1 });
  const band = handling({ Noted: () => several(row, none(), row) });
  expect(planPage(band, [event(7n), event(9n, 'Other')], 0n)).toEqual([
    { index: 0, position: 7n, statements: [row, row] },
    { index: 1, position: 9n, statements: [] },
  ]);
});

// Seen red with: `<` for `<=`.
test('up to the head of the start a handler is told that it replays, after it that it does not', () => {
  const replaying: boolean[] = [];
  const band = handling({
    Noted: (_event, context) => {
      replaying.push(context.replaying);
      return none();
    },
  });
  planPage(band, [event(7n), event(8n), event(9n)], 8n);
  expect(replaying).toEqual([true, true, false]);
});

// Seen red with: the look at AsyncFunction taken out; at the promise.
test('a handler that runs SQL of its own makes the page run in order, and is not called if it says so beforehand', () => {
  const called = vi.fn();
  const declared = handling({
    Noted: async () => {
      called();
    },
  });
  expect(() => planPage(declared, [event(7n)], 0n)).toThrow('the handler of Noted runs SQL of its own');
  expect(called).not.toHaveBeenCalled();
  const hidden = handling({ Noted: () => Promise.resolve() });
  expect(() => planPage(hidden, [event(7n)], 0n)).toThrow('the handler of Noted returns a promise');
  const speaking = handling({
    Noted: (_event, { tx }) => {
      void tx`SELECT 1`;
      return none();
    },
  });
  expect(() => planPage(speaking, [event(7n)], 0n)).toThrow('a handler runs SQL of its own');
});

test('what such a promise rejects with reaches nobody', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const rejecting = handling({ Noted: () => Promise.reject(new Error('late')) });
  expect(() => planPage(rejecting, [event(7n)], 0n)).toThrow(CannotFold);
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

test('a handler is known as whose code runs, at which event, and gets what its schema makes of the payload', () => {
  const [seen, payloads, positions]: [unknown[], unknown[], bigint[]] = [[], [], []];
  const schema: StandardSchema = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 'checked' }) },
  };
  const band = handling(
    {
      Noted: ({ payload }, context) => {
        seen.push(findCulprit());
        payloads.push(payload);
        expect(Object.isFrozen(context)).toBe(true);
        return none();
      },
    },
    { Noted: schema },
  );
  const slot = { enter: (position: bigint) => positions.push(position), leave: () => undefined };
  planPage(band, [event(7n), event(8n, 'Other')], 0n, new PageMeter(slot));
  expect(seen).toEqual([{ projection: 'band', event: event(7n) }]);
  expect(payloads).toEqual(['checked']);
  expect(positions).toEqual([7n]);
});

test('of a plan the look-ups are known, in order, and nothing else', () => {
  const look = (select: string) => lookup('other', { select, where: { id: 'x' } }, () => none());
  const [one, two] = [look('a'), look('b')];
  const band = handling({ Noted: () => several(create('t', { id: 1 }), one), Other: () => two });
  expect(lookupsOf(planPage(band, [event(7n), event(8n, 'Other')], 0n))).toEqual([one, two]);
});
