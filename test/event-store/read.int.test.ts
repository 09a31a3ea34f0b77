import { afterAll, beforeAll, expect, test } from 'vitest';
import { append } from '../../src/event-store/append.ts';
import { readPage } from '../../src/event-store/read.ts';
import type { Sql } from '../../src/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStore } from '../support/engine.ts';

let database: TestDatabase;
let sql: Sql;

/** Ten events of about 100 kB each (of random digits, which do not compress), then ten small ones of another type. */
beforeAll(async () => {
  database = await createTestDatabase();
  sql = await openStore(database, []);
  const event = (index: number, name: string, text: string) => ({
    aggregateName: 'A',
    aggregateId: 'one',
    sequenceNo: index,
    name,
    payload: { text },
    occurredAt: `2026-01-01T00:00:${String(59 - index).padStart(2, '0')}Z`,
  });
  const digits = Array.from({ length: 12_500 }, () => Math.random().toString(16).slice(2, 10)).join('');
  await append(
    sql,
    Array.from({ length: 20 }, (_, index) => (index < 10 ? event(index, 'Large', digits) : event(index, 'Small', 'x'))),
  );
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** The first one's: later events are of earlier seconds. */
const NEWEST = BigInt(Date.parse('2026-01-01T00:00:59Z') / 1000);

const read = async (request: Partial<Parameters<typeof readPage>[1]>) => {
  const page = await readPage(sql, { after: 0n, head: 20n, names: null, limit: 100, maxBytes: 10_000_000, ...request });
  return { ...page, events: page.events.map(({ position }) => Number(position)) };
};

// Seen red with: `place = 1 OR` dropped; the bytes not compared; `to` of a cut page at the head; the newest time of handled events only.
test('a page ends before its payloads exceed the bytes, and always has one event', async () => {
  expect(await read({ maxBytes: 350_000 })).toMatchObject({ events: [1, 2, 3], to: 3n, full: true });
  expect(await read({ after: 8n, maxBytes: 150_000 })).toMatchObject({ events: [9], to: 9n, full: true });
  expect(await read({ after: 9n, maxBytes: 150_000 })).toMatchObject({ to: 20n, full: false });
  expect(await read({ maxBytes: 10 })).toMatchObject({ events: [1], to: 1n, full: true });
});

test('a page that is full by count says so and where it ends; one that is not has looked up to the head', async () => {
  expect(await read({ limit: 4 })).toMatchObject({ events: [1, 2, 3, 4], to: 4n, full: true });
  expect(await read({ limit: 20 })).toMatchObject({ to: 20n, full: true });
  expect(await read({ limit: 21 })).toMatchObject({ to: 20n, full: false });
  expect(await read({ names: ['Small'], after: 5n })).toMatchObject({
    events: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
    to: 20n,
  });
  const none = { events: [], to: 20n, full: false, more: false, bytes: 0 };
  const readAt = { server: expect.any(BigInt), at: expect.any(BigInt) };
  expect(await read({ names: ['None'] })).toEqual({ ...none, after: 0n, newest: NEWEST, readAt });
  expect(await read({ after: 20n })).toEqual({ ...none, after: 20n, newest: null });
  expect(await read({ head: 12n, after: 10n })).toMatchObject({ events: [11, 12], to: 12n, full: false });
});

test('a full page knows the newest time of everything that it passes over, not only of what it holds', async () => {
  const newest = NEWEST;
  expect(await read({ names: ['Small'], limit: 2 })).toMatchObject({ events: [11, 12], to: 12n, newest });
  expect(await read({ names: ['Small'], after: 10n, limit: 2 })).toMatchObject({ newest: newest - 10n });
});

// Seen red with: the span not minded (`upTo` the head); `to` the end of the span in place of an event's position, which no
// cursor may stand at; the hole taken for the end of the store; the newest time of wanted events only.
test('a page looks through so many positions and no more, and passes over holes of any size', async () => {
  expect(await read({ names: ['Small'], span: 5 })).toMatchObject({ events: [], to: 5n, full: false, more: true });
  const five = { after: 5n, span: 10 };
  const page = await read({ names: ['Small'], ...five });
  expect(page).toMatchObject({ events: [11, 12, 13, 14, 15], to: 15n, full: false, more: true, newest: NEWEST - 5n });
  await using other = await createTestDatabase();
  const store = await openStore(other, []);
  const late = { aggregateName: 'A', aggregateId: 'one', sequenceNo: 0, name: 'Small', payload: {} };
  await store`SELECT setval(pg_get_serial_sequence('events', 'position'), 1000000000000)`;
  await append(store, [late]);
  await store`SELECT setval(pg_get_serial_sequence('events', 'position'), 2000000000000)`;
  await append(store, [{ ...late, sequenceNo: 1, name: 'Other' }]);
  const request = { head: 2_000_000_000_001n, names: ['Small'], limit: 100, maxBytes: 1_000_000, span: 1000 };
  const first = await readPage(store, { after: 0n, ...request });
  expect(first).toMatchObject({ to: 1_000_000_000_001n, more: true, events: [{ sequenceNo: 0n }] });
  const second = await readPage(store, { after: first.to, ...request });
  expect(second).toMatchObject({ events: [], to: request.head, more: false });
  expect(second.newest).not.toBe(null);
  await store.end();
});
