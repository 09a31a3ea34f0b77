import { expect, test } from 'vitest';
import {
  arrayAppend,
  copy,
  create,
  increment,
  lookup,
  multi,
  none,
  not,
  remove,
  several,
  update,
  upsert,
} from '../../src/index.ts';

const noTable = (kind: string) => expect.objectContaining({ code: 'STATEMENT_NO_TABLE', fields: { kind } });
const noValues = (kind: string) =>
  expect.objectContaining({ code: 'STATEMENT_NO_VALUES', fields: expect.objectContaining({ kind, table: 't' }) });
const noCondition = (kind: string) =>
  expect.objectContaining({ code: 'STATEMENT_NO_CONDITION', fields: { kind, table: 't' } });
const invalid = (kind: string, column: string) =>
  expect.objectContaining({
    code: 'STATEMENT_VALUE_INVALID',
    fields: expect.objectContaining({ kind, table: 't', column }),
  });

/** Calls a builder as JavaScript does, or TypeScript after a cast. */
const loose = <T>(value: unknown): T => value as T;

// Seen red with: needTable's throw taken out.
test('63: a builder without a table throws before there is any SQL', () => {
  for (const table of ['', loose<string>(undefined)]) {
    expect(() => create(table, { a: 1 })).toThrow(noTable('create'));
    expect(() => upsert(table, { id: 1, a: 1 }, { conflict: ['id'] })).toThrow(noTable('upsert'));
    expect(() => update(table, { a: 1 }, { id: 1 })).toThrow(noTable('update'));
    expect(() => remove(table, { id: 1 })).toThrow(noTable('remove'));
    expect(() => copy(table, { from: ['a'], where: { id: 1 }, conflict: ['id'] })).toThrow(noTable('copy'));
    expect(() => lookup(table, { select: 'a', where: { id: '1' } }, () => none())).toThrow(noTable('lookup'));
  }
});

// Seen red with: needSome's throw taken out.
test('63: a builder without values throws before there is any SQL', () => {
  expect(() => create('t', {})).toThrow(noValues('create'));
  expect(() => update('t', {}, { id: 1 })).toThrow(noValues('update'));
  expect(() => upsert('t', {}, { conflict: ['id'] })).toThrow(noValues('upsert'));
  expect(() => copy('t', { from: [], where: { id: 1 }, conflict: ['id'] })).toThrow(noValues('copy'));
});

// Seen red with: needCondition's throw taken out.
test('63: a builder without conditions throws, so nothing ever updates or deletes a whole table', () => {
  expect(() => update('t', { a: 1 }, {})).toThrow(noCondition('update'));
  expect(() => remove('t', {})).toThrow(noCondition('remove'));
  expect(() => upsert('t', { a: 1 }, { conflict: [] })).toThrow(noCondition('upsert'));
  expect(() => copy('t', { from: ['a'], where: {}, conflict: ['id'] })).toThrow(noCondition('copy'));
  expect(() => copy('t', { from: ['a'], where: { id: 1 }, conflict: [] })).toThrow(noCondition('copy'));
  expect(() => lookup('t', { select: 'id', where: {} }, () => none())).toThrow(noCondition('lookup'));
});

// Seen red with: the list of columns in upsert, and the one in copy, taken whole.
test('64: an upsert or copy with nothing but conflict columns says that there are no values', () => {
  expect(() => upsert('t', { id: 1, name: 'x' }, { conflict: ['id', 'name'] })).toThrow(noValues('upsert'));
  expect(() => copy('t', { from: ['id'], where: { id: 1 }, conflict: ['id'] })).toThrow(noValues('copy'));
});

// Seen red with: the comparison of lengths taken out of copy.
test('64: a copy of unequal lists says that there are no values, and how many there are of each', () => {
  const unequal = () => copy('t', { from: ['a', 'b'], to: ['c'], where: { id: 1 }, conflict: ['id'] });
  expect(unequal).toThrow(noValues('copy'));
  expect(unequal).toThrow("copy on 't' has no values: 2 columns cannot be copied into 1");
});

test('65: multi without statements holds none, and with statements it keeps their order', () => {
  expect(multi()).toEqual({ kind: 'multi', statements: [] });
  const [first, second] = [remove('t', { a: 1 }), create('t', { a: 1 })];
  expect(multi(first, second).statements).toEqual([first, second]);
});

// Seen red with: a kind of its own for several; `query.absent` left out of lookup, and put before `query.onMissing`.
test('the deprecated names several and absent make the same statements as multi and onMissing', () => {
  const statement = remove('t', { a: 1 });
  expect(several(statement)).toEqual(multi(statement));
  const use = () => none();
  const query = { select: 'a', where: { id: 'x' } };
  const onMissing = (options: { readonly absent: 'fail' | 'nothing'; readonly onMissing?: 'fail' | 'nothing' }) =>
    lookup('t', { ...query, ...options }, use);
  expect(onMissing({ absent: 'nothing' })).toEqual(lookup('t', { ...query, onMissing: 'nothing' }, use));
  expect(onMissing({ absent: 'nothing', onMissing: 'fail' }).onMissing).toBe('fail');
});

// Seen red with: the check for undefined taken out of checkValues; of checkWhere.
test('a value that the payload lacks is refused: as NULL it would empty a column or match no row', () => {
  const { name } = loose<{ name: string }>({});
  expect(() => create('t', { name })).toThrow(invalid('create', 'name'));
  expect(() => upsert('t', { id: 1, name }, { conflict: ['id'] })).toThrow(invalid('upsert', 'name'));
  expect(() => update('t', { name }, { id: 1 })).toThrow(invalid('update', 'name'));
  expect(() => update('t', { a: 1 }, { name })).toThrow(invalid('update', 'name'));
  expect(() => remove('t', { name })).toThrow(invalid('remove', 'name'));
  expect(() => copy('t', { from: ['a'], set: { name }, where: { id: 1 }, conflict: ['id'] })).toThrow(
    invalid('copy', 'name'),
  );
  expect(() => lookup('t', { select: 'id', where: { name } }, () => none())).toThrow(invalid('lookup', 'name'));
});

// Seen red with: `fixed` left out of checkValues; the check isNot, and isChange in checkWhere.
test('a change is refused where there is nothing to change, and so is a condition for a value', () => {
  const one = loose<number>(increment());
  expect(() => create('t', { n: one })).toThrow(invalid('create', 'n'));
  expect(() => upsert('t', { id: one, a: 1 }, { conflict: ['id'] })).toThrow(invalid('upsert', 'id'));
  expect(() => copy('t', { from: ['a'], set: { n: one }, where: { id: 1 }, conflict: ['id'] })).toThrow(
    invalid('copy', 'n'),
  );
  expect(() => remove('t', { n: one })).toThrow(invalid('remove', 'n'));
  expect(() => update('t', { n: loose<number>(not(1)) }, { id: 1 })).toThrow(invalid('update', 'n'));
  expect(update('t', { n: increment() }, { id: 1 }).set).toEqual({ n: increment(1) });
  expect(upsert('t', { id: 1, tags: arrayAppend('x') }, { conflict: ['id'] }).values).toEqual({
    id: 1,
    tags: arrayAppend('x'),
  });
});

test('what is left out has its documented default', () => {
  expect(create('t', { a: 1 }).onConflict).toBe('fail');
  expect(lookup('t', { select: 'id', where: { a: 'b' } }, () => none()).onMissing).toBe('fail');
  expect(copy('t', { from: ['a'], where: { id: 1 }, conflict: ['id'] })).toMatchObject({ to: ['a'], set: {} });
});

// Seen red with: each reason emptied.
test('a builder that refuses says what it lacks', () => {
  const where = { id: 1 };
  const said = (refused: () => unknown, reason: string) =>
    expect(refused).toThrow(expect.objectContaining({ fields: expect.objectContaining({ reason }) }));
  said(() => create('t', {}), 'name the columns of the row');
  said(() => update('t', {}, where), 'name the columns to set');
  said(() => upsert('t', { id: 1 }, { conflict: ['id'] }), 'give one beside the conflict columns');
  said(() => copy('t', { from: [], where, conflict: ['id'] }), 'name the columns to copy');
  said(() => copy('t', { from: ['id'], where, conflict: ['id'] }), 'give one beside the conflict columns');
  said(() => create('t', { a: loose<number>(undefined) }), 'it is undefined; write null where there is no value');
  said(() => create('t', { a: loose<number>(not(1)) }), 'not(…) is a condition, no value');
  said(() => create('t', { a: loose<number>(increment()) }), 'there is nothing here that increment(…) could change');
  said(() => remove('t', { a: loose<number>(undefined) }), 'its condition is undefined; null matches NULL');
  said(() => remove('t', { a: loose<number>(arrayAppend('x')) }), 'arrayAppend(…) is no condition');
});

test('a statement carries what it was given, and the kind it is of', () => {
  const where = { id: 1 };
  expect(create('t', { a: 1 }, { onConflict: 'keep' })).toEqual({
    kind: 'create',
    table: 't',
    values: { a: 1 },
    onConflict: 'keep',
  });
  expect(upsert('t', { id: 1, a: 1 }, { conflict: ['id'] })).toMatchObject({ kind: 'upsert', conflict: ['id'] });
  expect(update('t', { a: 1 }, where)).toEqual({ kind: 'update', table: 't', set: { a: 1 }, where });
  expect(remove('t', where)).toEqual({ kind: 'remove', table: 't', where });
  const copied = { from: ['a'], to: ['b'], set: { c: 1 }, where, conflict: ['id'] };
  expect(copy('t', copied)).toEqual({ kind: 'copy', table: 't', ...copied });
  // What is set counts as a value beside the conflict columns.
  expect(copy('t', { ...copied, from: ['id'], to: ['id'] })).toMatchObject({ set: { c: 1 } });
  const use = () => none();
  expect(lookup('t', { select: 'a', where: { id: 'x' }, onMissing: 'nothing' }, use)).toEqual({
    kind: 'lookup',
    table: 't',
    select: 'a',
    where: { id: 'x' },
    onMissing: 'nothing',
    use,
  });
  expect(none()).toEqual({ kind: 'none' });
});
