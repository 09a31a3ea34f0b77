import fc from 'fast-check';
import {
  arrayAppend,
  arrayIntersect,
  arrayRemove,
  type Changes,
  copy,
  create,
  increment,
  not,
  remove,
  type Statement,
  update,
  upsert,
} from '../../src/index.ts';
import { ids } from './fold-statements.ts';

const id = fc.constantFrom(...ids);
const little = fc.integer({ min: -9, max: 9 });
const double = fc.double({ noNaN: true, min: -1e300, max: 1e300 });

/** Amounts that fit every number type. */
const amounts: fc.Arbitrary<Changes> = fc.record(
  {
    small: little.map(increment),
    n: little.map(increment),
    big: fc.bigInt({ min: -(2n ** 55n), max: 2n ** 55n }).map(increment),
    exact: fc.tuple(little, fc.constantFrom(1, 10, 1000)).map(([n, scale]) => increment(n / scale)),
    // An integer above 2^53 is refused when it is given as a number.
    rough: double.filter((by) => !Number.isInteger(by) || Number.isSafeInteger(by)).map(increment),
  },
  { requiredKeys: ['rough'] },
);

const counts: fc.Arbitrary<Statement> = fc.oneof(
  fc.tuple(id, amounts).map(([id, some]) => upsert('tally', { id, ...some }, { conflict: ['id'] })),
  fc.tuple(id, amounts).map(([id, some]) => update('tally', some, { id })),
  fc.tuple(id, little).map(([id, n]) => update('tally', { big: increment() }, { id, n: not(n) })),
  fc.tuple(id, little).map(([id, n]) => update('tally', { n, exact: n / 8, rough: n / 3 }, { id })),
  id.map((id) => remove('tally', { id })),
  fc
    .tuple(id, fc.integer({ min: 1, max: 6 }))
    .map(([id, rank]) => create('rank', { id, rank }, { onConflict: 'keep' })),
);

/** Amounts whose sums may overflow for a while, and values that are no amounts. */
const odd: readonly fc.Arbitrary<Changes>[] = [
  fc.constantFrom(20_000, -20_000).map((by) => ({ small: increment(by) })),
  fc.constantFrom(2 ** 30, -(2 ** 30), 1.5).map((by) => ({ n: increment(by) })),
  fc.constantFrom(2n ** 62n, -(2n ** 62n), 2n ** 63n).map((by) => ({ big: increment(by) })),
  fc.constantFrom(1e-9, 2n ** 80n, 12_345.678).map((by) => ({ exact: increment(by) })),
  fc.constant({ extra: increment() }),
];
const lists: fc.Arbitrary<Changes> = fc.oneof(
  fc.constantFrom('a', 'b', 'c"\\', null).map((element) => ({ tags: arrayAppend(element) })),
  fc.constantFrom('a', 'b', null).map((element) => ({ tags: arrayRemove(element) })),
  fc.subarray(['a', 'b', null]).map((elements) => ({ tags: arrayIntersect(elements) })),
  fc.constantFrom(1, 2, null).map((element) => ({ nums: arrayAppend(element) })),
  fc.constantFrom(1, 'no number').map((element) => ({ nums: arrayRemove(element) })),
  fc.subarray([1, 2]).map((elements) => ({ nums: arrayIntersect(elements), tags: arrayAppend('both') })),
);
const copies: fc.Arbitrary<Statement> = fc.tuple(id, id).map(([from, to]) =>
  copy('tally', {
    from: ['n', 'tags', 'rough'],
    to: ['big', 'tags', 'rough'],
    set: { id: to, small: 7 },
    where: { id: from },
    conflict: ['id'],
  }),
);
const oddCounts = odd.map((some) =>
  fc.oneof(
    fc.tuple(id, some).map(([id, one]) => upsert('tally', { id, rough: 1, ...one }, { conflict: ['id'] })),
    fc.tuple(id, some).map(([id, one]) => update('tally', one, { id })),
  ),
);
/** Increments a unique value. Another row may have the new value already, and be incremented too. */
const climbs: fc.Arbitrary<Statement> = id.map((id) => update('rank', { rank: increment() }, { id }));
const listChanges: fc.Arbitrary<Statement> = fc.oneof(
  fc.tuple(id, lists).map(([id, some]) => upsert('tally', { id, rough: 0, ...some }, { conflict: ['id'] })),
  fc.tuple(id, lists).map(([id, some]) => update('tally', some, { id })),
);

/** Counters, lists and copies. Each history has a few statements of one kind that is difficult to fold. */
export const countHistories: fc.Arbitrary<Statement[][]> = fc
  .constantFrom(counts, ...oddCounts, climbs, listChanges, copies)
  .chain((careful) =>
    fc.array(
      fc.array(fc.oneof({ weight: 8, arbitrary: counts }, { weight: 1, arbitrary: careful }), {
        minLength: 1,
        maxLength: 2,
      }),
      { maxLength: 40, size: 'max' },
    ),
  );

/** Sums that overflow and come back into range, which random histories seldom contain. */
export const sumsThatComeBack: Statement[][] = [20_000, 20_000, -20_000].map((by) => [
  upsert('tally', { id: ids[0] ?? '', small: increment(by), rough: 0 }, { conflict: ['id'] }),
]);
