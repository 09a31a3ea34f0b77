import fc from 'fast-check';
import { increment, not, type Statement, upsert } from '../../src/index.ts';
import type { ExampleParts } from '../../src/read-model/statements/statement-definition.ts';
import { anyStatement, forms } from './any-statement.ts';
import { ids } from './fold-statements.ts';

const index = fc.integer({ min: 0, max: ids.length - 1 });
/** Each id has a name of its own, except for one in twenty, which takes that of another id. */
const names = fc.tuple(index, fc.integer({ min: 0, max: 19 }), index).map(([own, odds, other]) => ({
  id: ids[own] ?? '',
  name: `name ${odds === 0 ? other : own}`,
}));
const little = fc.integer({ min: -9, max: 9 });

const persons: fc.Arbitrary<ExampleParts> = fc
  .tuple(names, little, fc.boolean())
  .map(([{ id, name }, age, byName]) => ({
    table: 'person',
    row: { id, name, age },
    key: { id, name },
    conflict: byName ? ['name'] : ['id'],
    set: { age, extra: { age } },
    where: byName ? { name } : { id, age: not(age) },
  }));
const tallies: fc.Arbitrary<ExampleParts> = fc.tuple(fc.constantFrom(...ids), little).map(([id, n]) => ({
  table: 'tally',
  row: { id, rough: 0, n },
  key: { id, rough: n },
  conflict: ['id'],
  set: { n, big: increment(n), exact: increment(n / 8) },
  where: { id, n: not(n) },
}));
const parts = fc.oneof(persons, tallies);
const upserts: fc.Arbitrary<Statement> = parts.map(({ table, key, set, conflict }) =>
  upsert(table, { ...key, ...set }, { conflict }),
);

/** Rows that come and change by upserts, and statements of one form of the registry in each history. */
export const formHistories: fc.Arbitrary<Statement[][]> = fc.constantFrom(...forms).chain((form) =>
  fc.array(
    fc.array(fc.oneof({ weight: 3, arbitrary: upserts }, { weight: 2, arbitrary: anyStatement(parts, [form]) }), {
      minLength: 1,
      maxLength: 2,
    }),
    { maxLength: 30, size: 'max' },
  ),
);
