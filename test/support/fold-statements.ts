import fc from 'fast-check';
import { OPERATOR } from '../../src/core/statement.ts';
import {
  type ColumnValue,
  create,
  defineProjection,
  not,
  remove,
  type Statement,
  update,
  upsert,
} from '../../src/index.ts';

export const ids = ['a', 'b', 'c', 'd'].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`);
const names = ['Ann', 'Bo', 'Čeněk "x"', 'D\\d'];

/** Applies the statements in its events to tables with every feature that folding must handle. */
export const lawful = defineProjection<{ name: 'Done'; payload: Statement[] }>()({
  name: 'law',
  schema: `
    CREATE TABLE IF NOT EXISTS person (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, age int, seen timestamptz, extra jsonb);
    CREATE TABLE IF NOT EXISTS likes (who uuid, what text, weight numeric NOT NULL DEFAULT 1, PRIMARY KEY (who, what));
    CREATE TABLE IF NOT EXISTS checked (id uuid PRIMARY KEY, age int CHECK (age < 100));
    CREATE TABLE IF NOT EXISTS tally (
      id uuid PRIMARY KEY, small int2, n int, big int8, exact numeric, rough float8 NOT NULL, extra jsonb,
      tags text[], nums int[]);
    CREATE TABLE IF NOT EXISTS rank (id uuid PRIMARY KEY, rank int NOT NULL UNIQUE, marks text[]);`,
  tables: {
    person: { key: ['id'], unique: [['name']] },
    likes: { key: ['who', 'what'] },
    checked: { key: ['id'] },
    tally: { key: ['id'] },
    rank: { key: ['id'], unique: [['rank']] },
  },
  on: { Done: (event) => event.payload.map((statement) => revived(statement)) },
});

/** An event holds JSON, in which `increment(1)` is a plain object. */
function revived<T>(part: T): T {
  if (typeof part !== 'object' || part === null) return part;
  if (Array.isArray(part)) return part.map(revived) as T;
  const inside = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, revived(value)]));
  return ('change' in part || 'not' in part ? { ...inside, [OPERATOR]: true } : inside) as T;
}

const id: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...ids, ids[0]?.toUpperCase() ?? '') },
  { weight: 1, arbitrary: fc.constantFrom(null, 'no uuid') },
);
const name: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const age: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 0, max: 120 }) },
  { weight: 1, arbitrary: fc.constantFrom(null, 'old', 2 ** 40) },
);
const seen: fc.Arbitrary<ColumnValue> = fc.constantFrom(
  '2026-03-01T19:00:00.123456Z',
  '2024-02-29T00:00:00.000001Z',
  '2026-02-30T10:00:00Z',
  null,
);
const extra: fc.Arbitrary<ColumnValue> = fc.constantFrom(null, { a: 1, b: ['x', 'å"\\'] }, [1, 2], 'text');

const statement: fc.Arbitrary<Statement> = fc.oneof(
  fc
    .tuple(id, name, age, seen)
    .map(([i, n, a, s]) => upsert('person', { id: i, name: n, age: a, seen: s }, { conflict: ['name'] })),
  fc.tuple(id, name, extra).map(([i, n, e]) => upsert('person', { id: i, name: n, extra: e }, { conflict: ['id'] })),
  fc.tuple(id, name).map(([i, n]) => create('person', { id: i, name: n }, { onConflict: 'keep' })),
  fc.tuple(id, name).map(([i, n]) => remove('person', { id: i, name: not(n) })),
  fc.tuple(id, age).map(([i, a]) => update('person', { age: a }, { id: i })),
  fc.tuple(name, age, seen).map(([n, a, s]) => update('person', { age: a, seen: s }, { name: n })),
  fc.tuple(id, name).map(([i, n]) => update('person', { name: n }, { id: i })),
  id.map((i) => remove('person', { id: i })),
  fc.tuple(id, name).map(([i, n]) => create('likes', { who: i, what: n }, { onConflict: 'keep' })),
  fc
    .tuple(id, name, age)
    .map(([i, n, a]) => upsert('likes', { who: i, what: n, weight: a }, { conflict: ['who', 'what'] })),
  fc.tuple(id, name).map(([i, n]) => remove('likes', { who: i, what: n })),
  fc.tuple(id, age).map(([i, a]) => upsert('checked', { id: i, age: a }, { conflict: ['id'] })),
);
/** Each name belongs to one id, so unique keys rarely collide and whole pages are applied. */
const own = fc
  .tuple(fc.constantFrom(0, 1, 2, 3), fc.constantFrom('x', 'y'))
  .map(([n, v]) => ({ id: ids[n] ?? '', name: `${n}${v}` }));
const weight: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 25, arbitrary: fc.integer({ min: 0, max: 9 }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const tame: fc.Arbitrary<Statement[]> = fc.oneof(
  fc
    .tuple(own, fc.integer({ min: 0, max: 9 }))
    .map(([o, age]) => [upsert('person', { ...o, age }, { conflict: ['id'] })]),
  fc
    .tuple(fc.constantFrom(...ids), fc.constantFrom(...names))
    .map(([id, name]) => [
      remove('person', { id, name: not(name) }),
      upsert('person', { id, name }, { conflict: ['name'] }),
    ]),
  own.map(({ id }) => [remove('person', { id })]),
  fc
    .tuple(own, own)
    .map(([a, b]) => [
      remove('person', { id: a.id }),
      remove('person', { id: b.id }),
      upsert('person', { id: a.id, name: b.name }, { conflict: ['name'] }),
    ]),
  own.map((o) => [create('person', { ...o, age: 1 }, { onConflict: 'keep' })]),
  fc.tuple(own, fc.integer({ min: 0, max: 9 })).map(([{ id }, age]) => [update('person', { age }, { id })]),
  fc
    .tuple(own, fc.integer({ min: 0, max: 9 }))
    .map(([{ id, name }, age]) => [update('person', { age, extra: { name } }, { id, name })]),
  fc
    .tuple(own, weight)
    .map(([{ id, name }, weight]) => [upsert('likes', { who: id, what: name, weight }, { conflict: ['what', 'who'] })]),
  own.map(({ id, name }) => [remove('likes', { who: id, what: name })]),
);
const wild = fc.array(statement, { minLength: 0, maxLength: 3 });

/**
 * The statements of the events. Values come from small sets, so that many statements affect the same rows, and some
 * values are invalid: both modes must fail at the same event.
 */
export const statementHistories: fc.Arbitrary<Statement[][]> = fc.oneof(
  { weight: 3, arbitrary: fc.array(tame, { maxLength: 60, size: 'max' }) },
  {
    weight: 2,
    arbitrary: fc.array(fc.oneof({ weight: 20, arbitrary: tame }, { weight: 1, arbitrary: wild }), {
      maxLength: 40,
      size: 'max',
    }),
  },
  { weight: 1, arbitrary: fc.array(wild, { maxLength: 20 }) },
);
