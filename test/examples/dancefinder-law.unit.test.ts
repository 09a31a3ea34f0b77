import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { TABLE_NAMES, type TableName } from '../../examples/dancefinder/fold/tables.ts';
import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { generateHistory, type HistoryEvent } from '../../examples/dancefinder/history.ts';
import { projections } from '../../examples/dancefinder/projections.ts';
import { MemoryTables } from '../../src/testing/memory/memory-tables.ts';
import { toStored } from '../../src/testing/stored-event.ts';

// Histories are long here: on a busy machine the default of 5 s is too little.
vi.setConfig({ testTimeout: 30_000 });

/** The rows that the handlers' statements leave, carried out one by one. */
function projected(events: readonly HistoryEvent[]): Record<TableName, unknown> {
  const tables = new MemoryTables(projections);
  for (const [index, event] of events.entries()) {
    const stored = toStored({ instanceId: '', metadata: {}, ...event }, BigInt(index + 1));
    for (const projection of projections) tables.apply(projection, stored, false);
  }
  const rows: Partial<Record<TableName, unknown>> = {};
  for (const name of TABLE_NAMES) rows[name] = sorted(tables.table(name).rows());
  return rows as Record<TableName, unknown>;
}

/** By id. A column that no statement named is not there in memory, and NULL in the fold. */
function sorted(rows: readonly Readonly<Record<string, unknown>>[]): readonly object[] {
  const valued = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)));
  return valued.sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1));
}

/** The rows that the events say. */
function folded(events: readonly HistoryEvent[]): Record<TableName, unknown> {
  const rows = Object.entries(foldHistory(events)).map(([name, ofTable]) => [name, sorted(ofTable)]);
  return Object.fromEntries(rows) as Record<TableName, unknown>;
}

const seed = fc.integer({ min: 0, max: 2 ** 48 });

test('for any history the rows are the fold of its events', () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 0, max: 600 }), fc.boolean(), (seed, events, reuseIgnoredNames) => {
      const history = [...generateHistory({ seed, events, reuseIgnoredNames })];
      expect(projected(history)).toEqual(folded(history));
    }),
    { numRuns: 25 },
  );
});

test('the rows of a longer history are the fold of its events', () => {
  const history = [...generateHistory({ seed: 7, events: 4_000 })];
  expect(projected(history)).toEqual(folded(history));
});

test('an event that is delivered twice leaves the same rows as once', () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 300 }), (seed, events) => {
      const history = [...generateHistory({ seed, events })];
      expect(projected(history.flatMap((event) => [event, event]))).toEqual(projected(history));
    }),
    { numRuns: 20 },
  );
});

test('preferences that are replayed after later events of the bands are the same, since ignored names are not reused', () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 600 }), (seed, events) => {
      const history = [...generateHistory({ seed, events })];
      expect(projected(bandsFirst(history))).toEqual(folded(history));
    }),
    { numRuns: 25 },
  );
});

test('where ignored names are reused, such a replay finds other bands or none', () => {
  const history = [...generateHistory({ seed: 1, events: 3_000, reuseIgnoredNames: true })];
  const { ignored_band: then } = folded(history);
  const later = () => projected(bandsFirst(history)).ignored_band;
  expect(() => expect(later()).toEqual(then)).toThrow();
  expect(projected(history).ignored_band).toEqual(then);
});

/** As when `band` is far ahead of `userpreferences`. */
function bandsFirst(history: readonly HistoryEvent[]): HistoryEvent[] {
  const isPreference = (event: HistoryEvent) => event.aggregateName === 'domain.UserPreferences';
  return [...history.filter((event) => !isPreference(event)), ...history.filter(isPreference)];
}
