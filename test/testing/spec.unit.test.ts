import { AssertionError } from 'node:assert';
import { describe, expect, test } from 'vitest';
import { create, defineProjection, lookup, remove, type Statement, update } from '../../src/index.ts';
import { createMemoryKit } from '../../src/testing/index.ts';

type PersonEvent =
  | { readonly name: 'Born'; readonly payload: { readonly name: string; readonly age?: number } }
  | { readonly name: 'Aged'; readonly payload: { readonly age: number } }
  | { readonly name: 'Died'; readonly payload: Readonly<Record<string, never>> }
  | { readonly name: 'Cursed'; readonly payload: object };

const people = defineProjection<PersonEvent>()({
  name: 'people',
  tables: { person: { key: ['id'], unique: [['name']] }, grave: { key: ['id'] } },
  on: {
    Born: ({ aggregateId: id, payload: { name, age = 0 }, occurredAt: born }) =>
      create('person', { id, name, age, born }),
    Aged: ({ aggregateId: id, payload: { age } }) => update('person', { age }, { id }),
    Died: ({ aggregateId: id }) => [remove('person', { id }), create('grave', { id })],
    Cursed: () => {
      throw new Error('a curse');
    },
  },
});

const spec = createMemoryKit().for(people);
const ann = { name: 'Born', aggregateId: 'a', payload: { name: 'Ann' } } as const;
const bo = { name: 'Born', aggregateId: 'b', payload: { name: 'Bo', age: 7 } } as const;

/** The AssertionError with which a spec rejects. */
async function red(test: Promise<void>): Promise<AssertionError> {
  const error = await test.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof AssertionError) return error;
  throw new Error(`an AssertionError was expected, not ${String(error)}`);
}

// Seen red with: rows compared in order; the columns of the actual row compared; extra rows ignored.
describe('then', () => {
  test('compares rows in any order, and only the columns that are named', async () => {
    await spec.given(ann, bo).then({ person: [{ id: 'b', age: 7 }, { name: 'Ann' }] });
  });

  test('shows missing, wrong and extra rows beside the expected ones', async () => {
    const wrong = await red(spec.given(ann, bo).then({ person: [{ id: 'b', age: 8 }, { name: 'Ann' }] }));
    expect(wrong.message).toContain("table 'person'");
    expect(wrong.actual).toEqual([{ id: 'b', age: 7 }, { name: 'Ann' }]);
    expect(wrong.expected).toEqual([{ id: 'b', age: 8 }, { name: 'Ann' }]);
    const extra = await red(spec.given(ann, bo).then({ person: [{ id: 'b' }] }));
    expect(extra.actual).toEqual([{ id: 'b' }, expect.objectContaining({ id: 'a', name: 'Ann' })]);
    expect((await red(spec.given(ann).then({ person: [{ id: 'a' }, { id: 'a' }] }))).actual).toEqual([{ id: 'a' }]);
  });

  test('matches each expected row with a different actual row, in every order of the rows', async () => {
    const rows = [{ age: 0 }, { age: 0, name: 'Ann' }, { name: 'Bo' }];
    const both = { ...bo, payload: { name: 'Bo', age: 0 } } as const;
    const cid = { ...ann, aggregateId: 'c', payload: { name: 'Cid' } } as const;
    await spec.given(ann, both, cid).then({ person: rows });
    await spec.given(cid, both, ann).then({ person: rows.toReversed() });
  });

  test('requires tables that are not named to be empty', async () => {
    await spec.given(ann, { name: 'Died', aggregateId: 'a' }).then({ grave: [{ id: 'a' }] });
    expect((await red(spec.given(ann, { name: 'Died', aggregateId: 'a' }).then({}))).message).toContain("'grave'");
  });

  test('refuses a table that no projection declares, and rows that are no list', async () => {
    await expect(spec.given(ann).then({ persons: [] })).rejects.toMatchObject({ code: 'TEST_INVALID' });
    const noList = { person: { id: 'a' } } as never;
    await expect(spec.given(ann).then(noList)).rejects.toMatchObject({ code: 'TEST_INVALID' });
  });

  test('names the event that cannot be applied, and the error', async () => {
    const { message } = await red(spec.given(ann).when({ name: 'Cursed' }).then({}));
    expect(message).toBe('Cursed at position 2 failed with: a curse');
    expect((await red(spec.given(ann, ann).then({}))).message).toContain('(SQLSTATE 23505)');
  });

  test('fails with its own message when the history cannot be applied', async () => {
    const test = spec.given({ name: 'Cursed' }).when(ann);
    expect((await red(test.then({}))).message).toContain('the history in given() cannot be applied: Cursed');
    expect((await red(test.thenFails(/curse/))).message).toContain('the history in given() cannot be applied: Cursed');
  });
});

// Seen red with: every failure accepted as the expected one.
describe('thenFails', () => {
  test('accepts an SQLSTATE, the code of an EngineError, or a pattern', async () => {
    await spec.given(ann).when(ann).thenFails('23505');
    await spec
      .given(ann)
      .when({ name: 'Cursed' })
      .thenFails(/^a curse$/);
    await spec.when({ name: 'Cursed' }).thenFails(/curse/);
    await spec.given({ name: 'Cursed' }).thenFails(/curse/);
  });

  test('compares the rows that the events before the failure left', async () => {
    await spec.when(ann, { name: 'Cursed' }, bo).thenFails(/curse/, { person: [{ id: 'a' }] });
    await red(spec.when(ann, { name: 'Cursed' }).thenFails(/curse/, { person: [] }));
  });

  test('fails for another failure, and for none', async () => {
    const { message } = await red(spec.given(ann).when(ann).thenFails('23502'));
    expect(message).toMatch(/^Born at position 2 failed with: duplicate key .* expected was 23502$/);
    expect((await red(spec.given(ann).thenFails(/curse/))).message).toContain('every one was applied');
  });
});

// Seen red with: the rows after the events compared with themselves.
describe('thenNothing', () => {
  test('passes when the events change no row', async () => {
    await spec
      .given(ann)
      .when({ name: 'Aged', aggregateId: 'z', payload: { age: 5 } })
      .thenNothing();
    await spec
      .given(ann)
      .when({ name: 'Aged', aggregateId: 'a', payload: { age: 0 } })
      .thenNothing();
  });

  test('shows the rows before and after, or the event that failed', async () => {
    const error = await red(
      spec
        .given(ann)
        .when({ name: 'Aged', aggregateId: 'a', payload: { age: 5 } })
        .thenNothing(),
    );
    expect(error.expected).toMatchObject([{ age: 0 }]);
    expect(error.actual).toMatchObject([{ age: 5 }]);
    expect((await red(spec.when({ name: 'Cursed' }).thenNothing())).message).toContain('a curse');
  });
});

describe('a test', () => {
  test('without an expectation does not compile, and does not pass', async () => {
    // @ts-expect-error: a spec is no promise, and `then` requires rows
    const withoutExpectation = async () => spec.given(ann);
    await expect(withoutExpectation()).rejects.toMatchObject({ code: 'TEST_INVALID' });
  });

  test('accepts the events of its projection with their payloads, and no others', async () => {
    // @ts-expect-error: a name that no event has
    spec.given({ name: 'Borne', payload: { name: 'Ann' } });
    // @ts-expect-error: another payload
    spec.given({ name: 'Born', payload: { nome: 'Ann' } });
    // @ts-expect-error: a payload that may not be left out
    spec.given({ name: 'Aged' });
    await spec.given({ name: 'Died' }).then({ grave: [{}] });
  });

  // Seen red with: captureStackTrace left out.
  test('that fails names its own line first in the stack', async () => {
    const { stack = '' } = await red(spec.given(ann).then({}));
    expect(stack.split('\n')[1]).toContain('spec.unit.test.ts');
  });

  test('uses the same ids, times and sequence numbers in every run, unless it sets them', async () => {
    const seen = defineProjection<PersonEvent>()({
      name: 'seen',
      tables: { seen: { key: ['id'] } },
      on: {
        Died: ({ id, aggregateName, aggregateId, sequenceNo, occurredAt, payload }) =>
          create('seen', { id, stream: `${aggregateName} ${aggregateId} ${sequenceNo}`, occurredAt, payload }),
      },
    });
    const payload = {};
    await createMemoryKit()
      .for(seen)
      .given({ name: 'Died', aggregateId: 'a' }, { name: 'Died', aggregateId: 'b', sequenceNo: 5 })
      .when({ name: 'Died', aggregateId: 'b' }, { name: 'Died', occurredAt: '2026-03-01T19:00:00.5Z' })
      .then({
        seen: [
          {
            id: `00000000-0000-4000-9000-${'1'.padStart(12, '0')}`,
            stream: 'Test a 1',
            occurredAt: '2026-01-01T00:00:01Z',
            payload,
          },
          { stream: 'Test b 5', occurredAt: '2026-01-01T00:00:02.000000Z' },
          { stream: 'Test b 6', occurredAt: '2026-01-01T00:00:03Z' },
          { stream: 'Test 00000000-0000-4000-8000-000000000000 1', occurredAt: '2026-03-01T19:00:00.500000Z' },
        ],
      });
    await expect(spec.given({ ...ann, sequenceNo: 1 }, { ...ann, sequenceNo: 1 }).then({})).rejects.toMatchObject({
      code: 'APPEND_CONFLICT',
    });
  });
});

describe('with other projections', () => {
  const lookingUp = (name: string, from: string) =>
    defineProjection<PersonEvent>()({
      name,
      tables: { [name]: { key: ['id'] } },
      on: {
        Born: ({ aggregateId: id, payload: { name: what } }): Statement[] => [
          create(name, { id: what }, { onConflict: 'keep' }),
          lookup(from, { select: 'id', where: { id } }, (found) => create(name, { id: found })),
        ],
      },
    });

  test('a test accepts their events and may name their tables', async () => {
    const graves = defineProjection<{ readonly name: 'Visited'; readonly payload: { readonly id: string } }>()({
      name: 'visits',
      tables: { visit: { key: ['id'] } },
      on: {
        Visited: ({ payload: { id } }) =>
          lookup('grave', { select: 'id', where: { id }, onMissing: 'nothing' }, (found) =>
            create('visit', { id: found }),
          ),
      },
    });
    const visits = createMemoryKit().for(graves, { with: [people] });
    const visited = { name: 'Visited', payload: { id: 'a' } } as const;
    await visits
      .given(ann, { name: 'Died', aggregateId: 'a' })
      .when(visited)
      .then({ visit: [{ id: 'a' }] });
    await visits
      .given(ann)
      .when(visited)
      .then({ visit: [], person: [{ id: 'a' }] });
    expect((await red(visits.given({ name: 'Cursed' }).when(visited).thenNothing())).message).toContain(
      "'people' did not get through: Cursed",
    );
  });

  test('a test fails when two projections wait for each other without an end', async () => {
    const left = lookingUp('left', 'right');
    const right = lookingUp('right', 'left');
    const { message } = await red(
      createMemoryKit()
        .for(left, { with: [right] })
        .given(ann)
        .then({}),
    );
    expect(message).toContain("the events wait for ever: 'right' is waiting for 'left' to reach position 1");
  });
});

// Seen red with: TEST_NEEDS_POSTGRES counted as a failure of the event.
describe('in memory', () => {
  const imperative = (
    handler: NonNullable<Parameters<ReturnType<typeof defineProjection<PersonEvent>>>[0]['on']['Born']>,
  ) =>
    createMemoryKit().for(
      defineProjection<PersonEvent>()({ name: 'own_sql', tables: { person: { key: ['id'] } }, on: { Born: handler } }),
    );
  const refusal = { code: 'TEST_NEEDS_POSTGRES', fields: { what: 'the handler of Born', name: 'own_sql' } };

  test.each([
    ['is async', imperative(async () => undefined)],
    ['returns a promise', imperative(() => Promise.resolve())],
    ['returns a promise that rejects', imperative(() => Promise.reject(new Error('lost')))],
    [
      'uses the transaction',
      imperative((_, { tx }) => {
        void tx`SELECT 1`;
        return [];
      }),
    ],
  ])('a handler that %s is refused with TEST_NEEDS_POSTGRES, which is no failure of its event', async (_, spec) => {
    await expect(spec.given(ann).thenFails(/./)).rejects.toMatchObject(refusal);
    await expect(spec.given(ann).then({})).rejects.toMatchObject(refusal);
  });

  test('a handler that returns no statements fails its event', async () => {
    const broken = imperative(() => 5 as never);
    await broken.given(ann).thenFails('HANDLER_RESULT_INVALID');
  });
});
