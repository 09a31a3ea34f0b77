import { describe, expect, test } from 'vitest';
import { AGGREGATE_OF, isDanceEvent } from '../../examples/dancefinder/aggregates.ts';
import { bandName } from '../../examples/dancefinder/history/names.ts';
import { generateHistory, type HistoryEvent } from '../../examples/dancefinder/history.ts';

const history = [...generateHistory({ seed: 1, events: 20_000 })];
const payloads = <T>(name: string): T[] => history.filter((it) => it.name === name).map((it) => it.payload as T);

describe('a generated history', () => {
  test('is the same for the same seed', () => {
    expect([...generateHistory({ seed: 1, events: 20_000 })]).toEqual(history);
  });

  test('begins like a shorter one of the same seed', () => {
    expect([...generateHistory({ seed: 1, events: 500 })]).toEqual(history.slice(0, 500));
  });

  test('has no id in common with the history of another seed', () => {
    const ids = new Set(history.map((it) => it.id));
    for (const seed of [0, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 47]) {
      expect([...generateHistory({ seed, events: 2_000 })].filter((it) => ids.has(it.id))).toEqual([]);
    }
  });

  test('numbers the events of each stream from 1 without a gap', () => {
    const lengths = new Map<string, number>();
    for (const { aggregateName, aggregateId, sequenceNo } of history) {
      const stream = `${aggregateName} ${aggregateId}`;
      expect(sequenceNo).toBe((lengths.get(stream) ?? 0) + 1);
      lengths.set(stream, sequenceNo);
    }
    expect(lengths.size).toBeGreaterThan(5_000);
  });

  test('gives every event and aggregate a UUID of version 8, unique for each event', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(history.every((it) => uuid.test(it.id) && uuid.test(it.aggregateId))).toBe(true);
    expect(new Set(history.map((it) => it.id)).size).toBe(history.length);
  });

  test('has many events of every type, each of its aggregate', () => {
    const counts = countBy(history, (it) => it.name);
    for (const [name, aggregate] of Object.entries(AGGREGATE_OF)) {
      expect(counts.get(name) ?? 0, name).toBeGreaterThan(200);
      expect(history.filter((it) => it.name === name).every((it) => it.aggregateName === aggregate)).toBe(true);
    }
  });

  test('has event types that no projection handles', () => {
    const others = countBy(
      history.filter((it) => !isDanceEvent(it)),
      (it) => it.name,
    );
    expect([...others.keys()].sort()).toEqual(['BandPhotoAdded', 'DanceHallRated', 'EventShared']);
  });

  test('mixes the streams', () => {
    const changes = history.filter((it, index) => it.aggregateId !== history[index + 1]?.aggregateId).length;
    expect(changes).toBeGreaterThan(19_000);
  });
});

describe('its bands', () => {
  test('take names of other bands, and are created again with new names', () => {
    const idsOf = new Map<string, Set<string>>();
    const namesOf = new Map<string, Set<string>>();
    for (const { name, id } of bandsOf(history)) {
      idsOf.set(name, (idsOf.get(name) ?? new Set()).add(id));
      namesOf.set(id, (namesOf.get(id) ?? new Set()).add(name));
    }
    expect([...idsOf.values()].filter((ids) => ids.size > 1).length).toBeGreaterThan(50);
    expect([...namesOf.values()].filter((names) => names.size > 1).length).toBeGreaterThan(50);
  });

  test.each([1, 2, 3])('keep a unique name once they were ignored (seed %i)', (seed) => {
    expect(ambiguousIgnoredNames(generateHistory({ seed, events: 20_000 })).size).toBe(0);
  });

  test('lose ignored names when the option is set', () => {
    const reused = ambiguousIgnoredNames(generateHistory({ seed: 1, events: 20_000, reuseIgnoredNames: true }));
    expect(reused.size).toBeGreaterThan(10);
  });

  test('have names that are never equal by chance', () => {
    const names = new Set(Array.from({ length: 100_000 }, (_, n) => bandName(n)));
    expect(names.size).toBe(100_000);
  });

  test('have letters, quotes and signs that need correct escaping', () => {
    const text = bandsOf(history)
      .map((it) => it.name)
      .join('\n');
    for (const sign of ['å', 'Ä', 'Ö', '"', "'", '&', '🎶']) expect(text).toContain(sign);
  });
});

describe('its halls and dances', () => {
  test('are geocoded late, and some not at all', () => {
    const created = firstIndexes('DanceHallCreated');
    const geocoded = firstIndexes('DanceHallGeocoded');
    const delays = [...created].map(([id, index]) => (geocoded.get(id) ?? Number.POSITIVE_INFINITY) - index);
    expect(delays.filter((delay) => delay > 100).length).toBeGreaterThan(100);
    expect(delays).toContain(Number.POSITIVE_INFINITY);
  });

  test('are sometimes geocoded, changed or deleted without having been created', () => {
    const created = new Set<string>();
    const absent = new Map<string, number>();
    for (const { name, aggregateId } of history) {
      if (name === 'EventCreated' || name === 'DanceHallCreated') created.add(aggregateId);
      if (name === 'EventDeleted' || name === 'EventUpdated' || name === 'DanceHallGeocoded') {
        if (!created.has(aggregateId)) absent.set(name, (absent.get(name) ?? 0) + 1);
      }
      if (name === 'EventDeleted') created.delete(aggregateId);
    }
    expect(absent.get('EventUpdated')).toBeGreaterThan(20);
    expect(absent.get('EventDeleted')).toBeGreaterThan(20);
    expect(absent.get('DanceHallGeocoded')).toBeGreaterThan(3);
  });

  test('change by some fields, by none, and by null', () => {
    const updates = payloads<Record<string, unknown>>('EventUpdated');
    expect(updates.filter((it) => Object.keys(it).length === 0).length).toBeGreaterThan(50);
    expect(updates.filter((it) => Object.keys(it).length > 2).length).toBeGreaterThan(50);
    expect(updates.filter((it) => Object.values(it).includes(null)).length).toBeGreaterThan(50);
  });
});

describe('its preferences', () => {
  test.each(['Band', 'DanceHall', 'City', 'Municipality', 'State'])(
    'ignore a %s twice, and take it back twice',
    (kind) => {
      expect(repeats(`${kind}Ignored`, `${kind}Unignored`)).toBeGreaterThan(5);
      expect(repeats(`${kind}Unignored`, `${kind}Ignored`)).toBeGreaterThan(5);
    },
  );

  test('add an origin twice, and remove origins of other dancers', () => {
    const owners = new Map<string, string>();
    let [again, foreign] = [0, 0];
    for (const { name, payload } of history) {
      if (name !== 'OriginAdded' && name !== 'OriginRemoved') continue;
      const { originId, subject } = payload as { originId: string; subject: string };
      if (name === 'OriginAdded' && owners.has(originId)) again += 1;
      if (name === 'OriginRemoved' && owners.has(originId) && owners.get(originId) !== subject) foreign += 1;
      if (name === 'OriginAdded') owners.set(originId, subject);
    }
    expect(again).toBeGreaterThan(20);
    expect(foreign).toBeGreaterThan(10);
  });
});

describe('its times', () => {
  test('have microseconds', () => {
    expect(history.every((it) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(it.occurredAt))).toBe(true);
    expect(history.filter((it) => !it.occurredAt.endsWith('000Z')).length).toBeGreaterThan(19_000);
  });

  test('are sometimes equal and sometimes a little out of order', () => {
    const steps = history.slice(1).map((it, index) => compare(it.occurredAt, history[index]?.occurredAt ?? ''));
    expect(steps.filter((step) => step === 0).length).toBeGreaterThan(500);
    expect(steps.filter((step) => step < 0).length).toBeGreaterThan(150);
  });

  test('begin and continue as the options say', () => {
    const throttle = [
      ...generateHistory({ seed: 9, events: 20_000, start: '2030-06-01T12:00:00+02:00', paceSeconds: 60 }),
    ];
    expect(throttle[0]?.occurredAt.slice(0, 10)).toBe('2030-06-01');
    const seconds = (Date.parse(throttle.at(-1)?.occurredAt ?? '') - Date.parse('2030-06-01T10:00:00Z')) / 1000;
    expect(seconds / 20_000).toBeGreaterThan(57);
    expect(seconds / 20_000).toBeLessThan(63);
  });

  test('are refused when the start is no time', () => {
    expect(() => [...generateHistory({ seed: 1, events: 1, start: 'soon' })]).toThrow("'soon' is not a time");
  });
});

function bandsOf(events: Iterable<HistoryEvent>): { name: string; id: string }[] {
  const created = [...events].filter((it) => it.name === 'BandCreated');
  return created.map((it) => ({ name: (it.payload as { name: string }).name, id: it.aggregateId }));
}

/** Ignored names that belonged to more than one band, or whose band had another name after it was ignored. */
function ambiguousIgnoredNames(events: Iterable<HistoryEvent>): Set<string> {
  const all = [...events];
  const ids = new Map<string, Set<string>>();
  for (const { name, id } of bandsOf(all)) ids.set(name, (ids.get(name) ?? new Set()).add(id));
  const holder = new Map<string, string>();
  const ignoredAs = new Map<string, string>();
  const ambiguous = new Set<string>();
  for (const { name, aggregateId, payload } of all) {
    const said = payload as { name?: string; bandName?: string };
    if (name === 'BandCreated' && said.name !== undefined) {
      const before = ignoredAs.get(aggregateId);
      if (before !== undefined && before !== said.name) ambiguous.add(before);
      holder.set(said.name, aggregateId);
    }
    if (name === 'BandIgnored' && said.bandName !== undefined) {
      ignoredAs.set(holder.get(said.bandName) ?? 'nobody', said.bandName);
      if (ids.get(said.bandName)?.size !== 1) ambiguous.add(said.bandName);
    }
  }
  return ambiguous;
}

/** How often `name` is said with the same payload again and `between` was not said of it meanwhile. */
function repeats(name: string, between: string): number {
  const said = new Set<string>();
  let found = 0;
  for (const event of history) {
    const key = JSON.stringify(event.payload);
    if (event.name === name && said.has(key)) found += 1;
    if (event.name === name) said.add(key);
    if (event.name === between) said.delete(key);
  }
  return found;
}

function firstIndexes(name: string): Map<string, number> {
  const indexes = new Map<string, number>();
  for (const [index, event] of history.entries()) {
    if (event.name === name && !indexes.has(event.aggregateId)) indexes.set(event.aggregateId, index);
  }
  return indexes;
}

function countBy<T>(list: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of list) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
