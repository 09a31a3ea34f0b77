import { expect, test } from 'vitest';
import { foldHistory } from '../../examples/dancefinder/fold.ts';
import { PLACES } from '../../examples/dancefinder/places.ts';
import { events, projections, sample, traffic } from '../../examples/dancefinder/projectionist.config.ts';
import { checkPayload } from '../../src/core/check-payload.ts';
import { isStandardSchema } from '../../src/core/standard-schema.ts';
import type { NewEvent } from '../../src/index.ts';

test('the configuration has the four projections', () => {
  expect(projections).toHaveLength(4);
});

test('the sample is 20,000 events of the year 2025, the same ones every time', () => {
  const events = [...sample()];
  expect(events).toHaveLength(20_000);
  expect(events[0]?.occurredAt).toMatch(/^2025-01-01/);
  expect(events.at(-1)?.occurredAt).toMatch(/^2025-1[0-2]/);
  expect([...sample({ events: 100 })]).toEqual(events.slice(0, 100));
});

// Seen red with: extraInfo without nullable().
test('every handled event type has a schema, and the schemas pass the whole sample unchanged', () => {
  const handled = new Set(projections.flatMap(({ handlers }) => [...handlers.keys()]));
  expect(Object.keys(events).sort()).toEqual([...handled].sort());
  for (const { name, payload } of sample()) {
    const schema: unknown = Reflect.get(events, name);
    if (isStandardSchema(schema)) expect(checkPayload(name, schema, payload)).toEqual(payload);
  }
});

test('the sample leaves rows in every table', () => {
  for (const [table, rows] of Object.entries(foldHistory(sample()))) expect(rows.length, table).toBeGreaterThan(300);
});

test('traffic uses streams of its own, lets the store set the times, and ends when its signal is aborted', async () => {
  const taken = new Set([...sample()].flatMap((it) => [it.id, it.aggregateId, nameIn(it)]));
  taken.delete('');
  const seen: NewEvent[] = [];
  const stop = new AbortController();
  for await (const event of traffic({ signal: stop.signal, perSecond: 1000 })) {
    seen.push(event);
    if (seen.length === 50) stop.abort();
  }
  expect(seen).toHaveLength(50);
  for (const event of seen) {
    expect(event).not.toHaveProperty('occurredAt');
    expect([event.id, event.aggregateId, nameIn(event)].filter((it) => it !== undefined && taken.has(it))).toEqual([]);
  }
});

test('traffic whose signal is aborted before the start yields no event', async () => {
  const seen: NewEvent[] = [];
  for await (const event of traffic({ signal: AbortSignal.abort() })) seen.push(event);
  expect(seen).toEqual([]);
});

test('the places are Swedish towns, each once, in all 21 counties', () => {
  expect(PLACES).toHaveLength(201);
  expect(new Set(PLACES.map((place) => place.town)).size).toBe(201);
  expect(new Set(PLACES.map((place) => place.state)).size).toBe(21);
  expect(PLACES.every(({ latitude }) => latitude > 55 && latitude < 69.1)).toBe(true);
  expect(PLACES.every(({ longitude }) => longitude > 10.9 && longitude < 24.2)).toBe(true);
});

function nameIn(event: NewEvent): string {
  return event.name === 'BandCreated' ? (event.payload as { name: string }).name : '';
}
