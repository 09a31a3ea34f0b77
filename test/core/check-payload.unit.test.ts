import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkPayload } from '../../src/core/check-payload.ts';
import { create, defineProjection, type EventsOf, type StandardSchema, withEvents } from '../../src/index.ts';

/** A schema that answers so, whatever it is asked. */
function answering(validate: () => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as StandardSchema['~standard']['validate'] } };
}

const unchecked = (reason: string) =>
  expect.objectContaining({ code: 'PAYLOAD_UNCHECKED', fields: { event: 'Priced', reason } });

// Seen red with: the payload given back instead of the result's value.
test('what the schema makes of a payload is what comes out', () => {
  const schema = z.object({ price: z.number(), currency: z.string().default('SEK') });
  expect(checkPayload('Priced', schema, { price: 1, other: 2 })).toEqual({ price: 1, currency: 'SEK' });
  expect(
    checkPayload(
      'Priced',
      answering(() => ({ value: undefined })),
      1,
    ),
  ).toBe(undefined);
});

// Seen red with: the path left out of the message.
test('a payload that does not pass is refused with each place that is wrong', () => {
  const schema = z.object({ name: z.string(), halls: z.array(z.object({ city: z.string() })) });
  const refused = (payload: unknown) => () => checkPayload('HallsNamed', schema, payload);
  expect(refused({ halls: [{ city: 'Malung' }, { city: 5 }] })).toThrow(
    'the payload of HallsNamed is not what its schema says: ' +
      'payload.name: Invalid input: expected string, received undefined; ' +
      'payload.halls[1].city: Invalid input: expected string, received number',
  );
  expect(refused(null)).toThrow('payload: Invalid input: expected object, received null');
  expect(refused(null)).toThrow(expect.objectContaining({ code: 'PAYLOAD_INVALID' }));
});

// Seen red with: every issue shown; a path's parts taken for keys.
test('of many issues a few are shown, and paths may be made of objects', () => {
  const issues = Array.from({ length: 7 }, (_, key) => ({ message: 'no', path: [{ key: 'rows' }, key] }));
  expect(() =>
    checkPayload(
      'Priced',
      answering(() => ({ issues })),
      {},
    ),
  ).toThrow(/: payload\.rows\[0\]: no; .*payload\.rows\[4\]: no; and 2 more$/);
  expect(() =>
    checkPayload(
      'Priced',
      answering(() => ({ issues: [] })),
      {},
    ),
  ).toThrow('it does not say why');
});

// Seen red with: the check for a Promise taken out of checkPayload.
test('a schema that answers asynchronously is refused, and its later rejection is handled', async () => {
  const late = z.object({ price: z.number().refine(async () => await Promise.resolve(true)) });
  const reason = 'it answers with a promise, or a check in it throws; it has to answer at once';
  expect(() => checkPayload('Priced', late, { price: 1 })).toThrow(unchecked(reason));
  expect(() =>
    checkPayload(
      'Priced',
      answering(() => Promise.reject(new Error('late'))),
      1,
    ),
  ).toThrow(unchecked(reason));
});

// Seen red with: the catch taken out of validate; the last throw of checkPayload.
test('a schema that throws or answers nonsense is at fault, not the payload', () => {
  const cause = new TypeError('no such table');
  const throwing = answering(() => {
    throw cause;
  });
  expect(() => checkPayload('Priced', throwing, 1)).toThrow(unchecked('it threw no such table'));
  expect(() => checkPayload('Priced', throwing, 1)).toThrow(expect.objectContaining({ cause }));
  for (const nonsense of [undefined, null, 5, 'value', {}]) {
    expect(() =>
      checkPayload(
        'Priced',
        answering(() => nonsense),
        1,
      ),
    ).toThrow(unchecked('it answers with neither a value nor issues'));
  }
});

const refusedFor = (issues: unknown) => () =>
  checkPayload(
    'Priced',
    answering(() => ({ issues })),
    {},
  );

// Seen red with: `left > 0` made `>=`; the cut taken out; the pattern of an index without `^`, without `$`.
test('a short list of issues is given in full, with the index of an element and the name of a field', () => {
  const issue = (path?: readonly unknown[], message = 'no') => ({ message, path });
  const five = Array.from({ length: 5 }, () => issue(['a']));
  expect(refusedFor(five)).toThrow(/payload\.a: no$/);
  expect(refusedFor([issue()])).toThrow(/: payload: no$/);
  expect(refusedFor([issue(['halls', 12, '1a', 'a1'])])).toThrow('payload.halls[12].1a.a1: no');
  expect(refusedFor([issue(['a'], 'x'.repeat(300))])).toThrow(/payload\.a: x{200}$/);
  for (const odd of [{}, 'wrong', []]) expect(refusedFor(odd)).toThrow('it does not say why');
});

test('issues that are not there are none', () => {
  for (const issues of [undefined, null]) {
    const schema = answering(() => ({ issues, value: 7 }));
    expect(checkPayload('Priced', schema, 1)).toBe(7);
  }
});

test('a schema may throw anything', () => {
  const thrown: unknown = 'words';
  const throwing = answering(() => {
    throw thrown;
  });
  expect(() => checkPayload('Priced', throwing, 1)).toThrow(unchecked('it threw a string'));
});

const events = { Priced: z.object({ price: z.number() }), Dropped: z.unknown() };

const prices = defineProjection<EventsOf<typeof events>>()({
  name: 'prices',
  tables: { prices: { key: ['id'] } },
  events,
  on: {
    // `price` is a number here because the schema says so: `npm run types` holds it.
    Priced: ({ payload: { price } }) => create('prices', { id: 1, price: price.toFixed(2) }),
  },
});

// Seen red with: the two maps of withEvents the other way round.
test('a projection has its own schemas, and those of the configuration for what it has none for', () => {
  const other = { Priced: z.string(), Renamed: z.string() };
  expect([...prices.events.keys()]).toEqual(['Priced', 'Dropped']);
  const both = withEvents(prices, other);
  expect(both.events.get('Priced')).toBe(events.Priced);
  expect(both.events.get('Renamed')).toBe(other.Renamed);
  expect(both).toMatchObject({ name: 'prices', handlers: prices.handlers });
});

// Seen red with: isStandardSchema that is content with `~standard`.
test('what is no Standard Schema is refused when it is declared', () => {
  for (const schema of [
    undefined,
    null,
    5,
    {},
    () => true,
    { '~standard': {} },
    { '~standard': null },
    { parse: () => 1 },
  ]) {
    const declared = { Priced: schema } as unknown as { Priced: StandardSchema };
    expect(() => withEvents(prices, declared)).toThrow(
      expect.objectContaining({
        code: 'PROJECTION_INVALID',
        message: expect.stringContaining("projection 'prices': events.Priced is no Standard Schema"),
      }),
    );
  }
  const callable = Object.assign(
    () => true,
    answering(() => ({ value: 1 })),
  );
  expect(withEvents(prices, { Renamed: callable }).events.get('Renamed')).toBe(callable);
});
