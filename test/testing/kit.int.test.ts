import { AssertionError } from 'node:assert';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { create, defineProjection, lookup, upsert } from '../../src/index.ts';
import { createTestKit } from '../../src/testing/index.ts';

type ThingEvent =
  | { readonly name: 'Made'; readonly payload: Readonly<Record<string, never>> }
  | { readonly name: 'Weighed'; readonly payload: { readonly weight: number } }
  | { readonly name: 'Counted'; readonly payload: Readonly<Record<string, never>> };

const A = 'aaaaaaaa-0000-4000-8000-000000000000';

/** Has a column of every type in which one value can be written in more than one form. */
const things = defineProjection<ThingEvent>()({
  name: 'things',
  schema: `CREATE TABLE IF NOT EXISTS thing (
    id uuid PRIMARY KEY, made timestamptz NOT NULL, day date, weight numeric(10, 3) CHECK (weight < 100),
    big bigint, tags text[], facts jsonb, seen timestamptz NOT NULL DEFAULT clock_timestamp());`,
  tables: { thing: { key: ['id'] } },
  on: {
    Made: ({ aggregateId: id, occurredAt: made }) =>
      create('thing', {
        id,
        made,
        day: '2026-03-01',
        weight: 1.5,
        big: 2n ** 60n,
        tags: ['a', 'å'],
        facts: { b: [1] },
      }),
    Weighed: ({ aggregateId: id, occurredAt: made, payload: { weight } }) =>
      upsert('thing', { id, made, weight }, { conflict: ['id'] }),
    Counted: async ({ aggregateId }, { tx }) => {
      await tx`UPDATE thing SET big = coalesce(big, 0) + 1 WHERE id = ${aggregateId}`;
    },
  },
});

const kit = createTestKit({ database: inject('postgres').url });
afterAll(() => kit.close());

test('the deprecated name stages is the list of backends', () => {
  expect(kit.stages).toBe(kit.backends);
});

const made = { name: 'Made', aggregateId: A } as const;
const spec = kit.for(things, { ignore: ['seen'] });

describe('on PostgreSQL', () => {
  // Seen red with: expected rows compared as they were written.
  test('expected values are converted by the types of their columns', async () => {
    await spec.given({ ...made, occurredAt: '2026-03-01T20:00:00+01:00' }).then({
      thing: [
        {
          id: A.toUpperCase(),
          made: new Date('2026-03-01T19:00:00Z'),
          day: '2026-03-01',
          weight: '1.50',
          big: 2n ** 60n,
          tags: ['a', 'å'],
          facts: { b: [1] },
        },
      ],
    });
    await spec.given(made).then({ thing: [{ made: '2026-01-01T00:00:01Z', weight: 1.5, big: '1152921504606846976' }] });
    await expect(spec.given(made).then({ thing: [{ big: 2n ** 60n + 1n }] })).rejects.toBeInstanceOf(AssertionError);
  });

  test('a value that its column cannot hold, and a column that does not exist, are reported as mistakes of the test', async () => {
    const invalid = (row: object) => expect(spec.given(made).then({ thing: [{ ...row }] })).rejects;
    await invalid({ id: 'no uuid' }).toMatchObject({ code: 'TEST_INVALID' });
    await invalid({ wait: 5 }).toThrow("table 'thing' has no column 'wait' (it has id, made, day");
  });

  test('constraints of the database make events fail', async () => {
    await spec
      .given(made)
      .when({ name: 'Weighed', aggregateId: A, payload: { weight: 100 } })
      .thenFails('23514');
    await spec.given({ ...made, aggregateId: 'x' }).thenFails('22P02', { thing: [] });
  });

  test('handlers with SQL of their own run in the transaction of the page', async () => {
    await spec
      .given(made)
      .when({ name: 'Counted', aggregateId: A })
      .then({ thing: [{ big: 2n ** 60n + 1n }] });
    await spec.given(made).when({ name: 'Counted' }).thenNothing();
  });

  // Seen red with: one of the two modes left out of APPLY_MODES; expectSame left out.
  test('rows that differ at each replay are refused, unless their columns are ignored', async () => {
    const message = /applied one by one and applied folded, the rows of 'thing' differ/;
    await expect(
      kit
        .for(things)
        .given(made)
        .then({ thing: [{ id: A }] }),
    ).rejects.toThrow(message);
    let calls = 0;
    const unsteady = defineProjection<ThingEvent>()({
      ...{ name: 'unsteady', schema: 'CREATE TABLE IF NOT EXISTS unsteady (id uuid PRIMARY KEY, n int);' },
      tables: { unsteady: { key: ['id'] } },
      on: { Made: ({ aggregateId: id }) => create('unsteady', { id, n: calls++ }) },
    });
    await expect(
      kit
        .for(unsteady)
        .given(made)
        .then({ unsteady: [{}] }),
    ).rejects.toThrow(/'unsteady' differ/);
    await kit
      .for(unsteady, { ignore: ['n'] })
      .given(made)
      .then({ unsteady: [{ id: A }] });
  });

  test('tests that start together run one at a time', async () => {
    await Promise.all([
      spec.given(made).then({ thing: [{ id: A }] }),
      spec.given(made, { name: 'Made' }).then({ thing: [{ id: A }, {}] }),
      spec.rolledBack(async (tx) => expect(await tx`SELECT FROM thing`).toHaveLength(0)),
      spec.given({ name: 'Weighed', payload: { weight: 2 } }).then({ thing: [{ weight: 2 }] }),
    ]);
  });

  // Seen red with: one schema for all projections.
  test('the tables of a projection exist only for tests that name it', async () => {
    const looker = defineProjection<ThingEvent>()({
      name: 'looker',
      schema: 'CREATE TABLE IF NOT EXISTS looked (id uuid PRIMARY KEY);',
      tables: { looked: { key: ['id'] } },
      on: {
        Weighed: ({ aggregateId }) =>
          lookup('thing', { select: 'id', where: { id: aggregateId }, onMissing: 'nothing' }, (id) =>
            create('looked', { id }),
          ),
      },
    });
    const weighed = { name: 'Weighed', aggregateId: A, payload: { weight: 2 } } as const;
    await kit
      .for(looker, { with: [things], ignore: ['seen'] })
      .given(weighed)
      .then({ looked: [{ id: A }] });
    await kit.for(looker).given(weighed).thenFails('42P01');
  });

  test('a handler that never ends makes its test fail within the time limit, and the next test runs', {
    timeout: 60_000,
  }, async () => {
    await using limited = createTestKit({ database: inject('postgres').url, timeoutMs: 3_000 });
    const stuck = defineProjection<ThingEvent>()({
      ...{ name: 'stuck', schema: 'CREATE TABLE IF NOT EXISTS stuck (id uuid PRIMARY KEY);' },
      tables: { stuck: { key: ['id'] } },
      on: { Made: () => new Promise<void>(() => undefined) },
    });
    await expect(limited.for(stuck).given(made).then({})).rejects.toThrow(/was not done within 3000 ms/);
    await limited
      .for(things, { ignore: ['seen'] })
      .given(made)
      .then({ thing: [{ id: A }] });
  });
});

// Seen red with: COMMIT in place of the rollback.
describe('rolled back', () => {
  test('a failing event changes nothing, apply rejects with its error, and the transaction stays usable', async () => {
    const count = await spec.rolledBack(async (tx) => {
      await tx.apply(made);
      await expect(tx.apply({ name: 'Weighed', payload: { weight: 1 } }, made)).rejects.toMatchObject({
        code: '23505',
      });
      const [row] = await tx<[{ count: number }]>`SELECT count(*)::int AS count FROM thing`;
      return row.count;
    });
    expect(count).toBe(1);
    await spec.given({ name: 'Weighed', payload: { weight: 1 } }).then({ thing: [{ weight: 1 }] });
  });

  test('rolledBack rejects with the error that the test throws', async () => {
    const work = spec.rolledBack(() => Promise.reject(new Error('a failed assertion')));
    await expect(work).rejects.toThrow('a failed assertion');
  });

  test('the projections of `with` apply the events too, for look-ups', async () => {
    const heavy = defineProjection<ThingEvent>()({
      name: 'heavy',
      schema: 'CREATE TABLE IF NOT EXISTS heavy (day text PRIMARY KEY);',
      tables: { heavy: { key: ['day'] } },
      on: {
        Weighed: ({ aggregateId: id }) =>
          lookup('thing', { select: 'day', where: { id } }, (day) => create('heavy', { day })),
      },
    });
    await kit.for(heavy, { with: [things] }).rolledBack(async (tx) => {
      const weighed = { name: 'Weighed', aggregateId: A, payload: { weight: 2 } } as const;
      await expect(tx.apply(weighed)).rejects.toMatchObject({ code: 'LOOKUP_MISSED' });
      await tx.apply(made, weighed);
      expect(await tx`SELECT * FROM heavy`).toEqual([{ day: '2026-03-01' }]);
    });
  });
});

// Seen red with: the sequences not restarted; DELETE in place of TRUNCATE where a foreign key forbids it.
test.each([
  ['no constraint', ''],
  ['a foreign key', 'REFERENCES numbered (number)'],
])('every test begins with empty tables that count from 1, with %s', async (_, constraint) => {
  const numbered = defineProjection<ThingEvent>()({
    name: 'numbered',
    schema: `
      CREATE TABLE IF NOT EXISTS numbered (number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid);
      CREATE TABLE IF NOT EXISTS follower (number int PRIMARY KEY ${constraint});`,
    tables: { numbered: { key: ['number'] }, follower: { key: ['number'] } },
    on: {
      Made: ({ aggregateId: id, position }) => [
        create('numbered', { id }),
        create('follower', { number: position }, { onConflict: 'keep' }),
      ],
    },
  });
  const rows = { numbered: [{ number: 1 }, { number: 2 }], follower: [{ number: 1 }, { number: 2 }] };
  for (let turn = 0; turn < 2; turn++) await kit.for(numbered).given(made, made).then(rows);
});
