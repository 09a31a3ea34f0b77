import { expect, test } from 'vitest';
import { z } from 'zod';
import { events as danceEvents } from '../../examples/dancefinder/events.ts';
import { projections as dancefinder } from '../../examples/dancefinder/projections.ts';
import {
  create,
  defineProjection,
  type NewEvent,
  type StandardSchema,
  type StoredEvent,
  withEvents,
} from '../../src/index.ts';
import { dance, uuid } from '../support/dances.ts';
import { untilCaughtUp, untilStatus } from '../support/engine.ts';
import { openScene } from '../support/scene.ts';

interface Priced {
  readonly item: string;
  readonly at: Date;
  readonly tags: readonly string[];
}

/** The stored payload has a text as `at`, and may lack `tags`. */
const schema = z.object({
  item: z.string(),
  at: z.iso.datetime().transform((text) => new Date(text)),
  tags: z.array(z.string()).default([]),
});

function prices(priced: StandardSchema<Priced>, seen: StoredEvent[] = []) {
  return defineProjection<{ name: 'Priced'; payload: Priced }>()({
    name: 'prices',
    schema: 'CREATE TABLE IF NOT EXISTS prices (item text PRIMARY KEY, year int, tags text[])',
    tables: { prices: { key: ['item'] } },
    events: { Priced: priced },
    on: {
      Priced: (event) => {
        seen.push(event);
        const { item, at, tags } = event.payload;
        return create('prices', { item, year: at.getUTCFullYear(), tags: tags.length === 0 ? null : tags });
      },
    },
  });
}

let sequenceNo = 0;

function priced(payload: unknown): NewEvent {
  sequenceNo += 1;
  return { aggregateName: 'test.Price', aggregateId: 'p', sequenceNo, name: 'Priced', payload };
}

const good = (item: string) => priced({ item, at: '2026-03-01T10:00:00Z' });

// Seen red with: the event itself given to the handler in apply-in-order.ts; in apply-in-one-round-trip.ts; deepFreeze left out.
test.each([2, 30])('in a page of %i events a handler gets the frozen output of the schema', async (count) => {
  const seen: StoredEvent[] = [];
  await using scene = await openScene([prices(schema, seen)]);
  await scene.append(...Array.from({ length: count }, (_, index) => good(`i${index}`)));
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql);
  expect(await scene.sql`SELECT count(*)::int, min(year), max(year) FROM prices`).toEqual([
    { count, min: 2026, max: 2026 },
  ]);
  const [event] = seen;
  expect(event).toMatchObject({ name: 'Priced', payload: { at: new Date('2026-03-01T10:00:00Z'), tags: [] } });
  const { payload } = event as StoredEvent<'Priced', Priced>;
  expect([event, payload, payload.tags].map(Object.isFrozen)).toEqual([true, true, true]);
});

// Seen red with: the check left out of apply-in-order.ts; of apply-in-one-round-trip.ts.
test.each([
  ['few', 1],
  ['many', 20],
])(
  'after %s others, a payload that the schema refuses halts its projection at its event, with the path in the payload (D10)',
  async (_, count) => {
    const seen: StoredEvent[] = [];
    await using scene = await openScene([prices(schema, seen)]);
    const before = Array.from({ length: count }, (_, index) => good(`i${index}`));
    const appended = await scene.append(...before, priced({ item: 5, at: 'yesterday' }), good('last'));
    const daemon = await scene.start({ retries: 0 });
    const { failure } = await untilStatus(daemon, 'prices', ({ state }) => state === 'failed');
    expect(failure).toMatchObject({
      position: String(appended[count]?.position),
      eventName: 'Priced',
      error:
        'the payload of Priced is not what its schema says: ' +
        'payload.item: Invalid input: expected string, received number; payload.at: Invalid ISO datetime',
      sqlstate: null,
    });
    expect(seen.every(({ payload }) => (payload as Priced).at instanceof Date)).toBe(true);
    expect(await scene.sql`SELECT count(*)::int FROM prices`).toEqual([{ count }]);
    expect((await scene.row('prices')).cursor).toBe(appended[count - 1]?.position);

    await scene.sql`
    UPDATE events SET payload = '{"item":"mended","at":"2026-03-01T10:00:00Z"}' WHERE id = ${appended[count]?.id ?? ''}`;
    expect(await daemon.send('prices', 'RETRY')).toMatchObject({ kind: 'done' });
    await untilCaughtUp(daemon, scene.sql);
    expect(await scene.sql`SELECT count(*)::int FROM prices`).toEqual([{ count: count + 2 }]);
  },
);

// Seen red with: checkPayload that lets promises through.
test.each<[string, StandardSchema<Priced>, RegExp]>([
  ['answers later', schema.refine(async () => await Promise.resolve(true)), /^the schema of Priced .* at once$/],
  [
    'throws',
    {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('no dictionary');
        },
      },
    },
    /it threw no dictionary$/,
  ],
])('a schema that %s fails the event, and the daemon keeps running', async (_what, broken, error) => {
  await using scene = await openScene([prices(broken)]);
  await scene.append(good('a'));
  const daemon = await scene.start({ retries: 0 });
  const { failure } = await untilStatus(daemon, 'prices', ({ failure }) => failure !== null);
  expect(failure).toMatchObject({ eventName: 'Priced', error: expect.stringMatching(error), sqlstate: null });
  expect(daemon.ready()).toBe(true);
});

// Seen red with: withEvents that gives the projection back as it was.
test('DanceFinder halts at a band without a name, with the path in the payload, and its other projections continue', async () => {
  await using scene = await openScene(dancefinder.map((projection) => withEvents(projection, danceEvents)));
  const nameless = { ...dance('BandCreated', uuid(1), { name: '' }), payload: { title: 'Thorleifs' } };
  await scene.append(nameless, dance('CityIgnored', uuid(2), { subject: 'anna', city: 'Malung' }));
  const daemon = await scene.start({ retries: 0 });
  await untilCaughtUp(daemon, scene.sql, ['userpreferences']);
  const { failure } = await untilStatus(daemon, 'band', ({ failure }) => failure !== null);
  expect(failure?.error).toContain('payload.name: Invalid input: expected string, received undefined');
});
