import { deepEqual, equal } from 'node:assert/strict';
import { not } from '../../core/changes.ts';
import { multi, none } from '../../core/compound-statements.ts';
import type { Row, Statement } from '../../core/statement.ts';
import { arrayAppend } from '../../read-model/column-changes/array-append.ts';
import { arrayIntersect } from '../../read-model/column-changes/array-intersect.ts';
import { arrayRemove } from '../../read-model/column-changes/array-remove.ts';
import { increment } from '../../read-model/column-changes/increment.ts';
import { copy } from '../../read-model/statements/copy-statement.ts';
import { create } from '../../read-model/statements/create-statement.ts';
import { remove } from '../../read-model/statements/remove-statement.ts';
import { update } from '../../read-model/statements/update-statement.ts';
import { upsert } from '../../read-model/statements/upsert-statement.ts';
import { type ConformanceCase, expectFailed, labels, openFixture } from './fixture.ts';

const A = { id: 'a', name: 'Ann', size: 1, note: null };
const B = { id: 'b', name: 'Bo', size: 2, note: null };

/**
 * The rows of Ann and Bo exist; one event applies these statements.
 * @param outcome the rows after it, or the SQLSTATE with which it fails, which leaves Ann and Bo
 */
function statementCase(
  name: string,
  statements: readonly Statement[],
  outcome: readonly Row[] | string,
): ConformanceCase {
  return {
    name,
    run: async (backend) => {
      const { did, run, expect } = await openFixture(backend);
      await did(create('thing', A), create('thing', B));
      deepEqual(await run(), { kind: 'caught-up' });
      await did(...statements);
      const ran = await run();
      if (typeof outcome === 'string') expectFailed(ran, { sqlstate: outcome });
      else deepEqual(ran, { kind: 'caught-up' });
      await expect('thing', ...(typeof outcome === 'string' ? [A, B] : outcome));
    },
  };
}

/** A look-up in the table of another projection, which has caught up, or is behind when `behind` is set. */
function lookupCase(
  name: string,
  {
    onMissing,
    label,
    behind,
  }: { readonly onMissing: 'fail' | 'nothing'; readonly label: boolean; readonly behind: boolean },
  outcome: 'caught-up' | 'waiting' | 'missed',
  ...rows: readonly Row[]
): ConformanceCase {
  return {
    name,
    run: async (backend) => {
      const { append, run, expect } = await openFixture(backend);
      if (label) await append({ name: 'Labelled', payload: { id: 'l', text: 'found' } });
      await append({ name: 'Looked', payload: { id: 'l', onMissing } });
      if (!behind) deepEqual(await run(labels), { kind: 'caught-up' });
      const ran = await run();
      if (outcome === 'missed') expectFailed(ran, { eventName: 'Looked', code: 'LOOKUP_MISSED', sqlstate: null });
      else equal(ran.kind, outcome);
      await expect('thing', ...rows);
    },
  };
}

/** The effect of each kind of statement on the rows. */
export const statementCases: readonly ConformanceCase[] = [
  statementCase(
    'create adds a row',
    [create('thing', { id: 'c', name: 'Cid' })],
    [A, B, { id: 'c', name: 'Cid', size: null }],
  ),
  statementCase('create fails on the key', [create('thing', { id: 'a' })], '23505'),
  statementCase('create fails on another unique key', [create('thing', { id: 'c', name: 'Ann' })], '23505'),
  statementCase(
    'create with keep leaves the existing row as it is',
    [create('thing', { id: 'a', size: 9 }, { onConflict: 'keep' })],
    [A, B],
  ),
  statementCase(
    'create with keep checks every unique key',
    [
      create('thing', { id: 'c', name: 'Bo' }, { onConflict: 'keep' }),
      create('thing', { id: 'd' }, { onConflict: 'keep' }),
    ],
    [A, B, { id: 'd', name: null }],
  ),
  statementCase('a key without a value fails', [create('thing', { name: 'Cid' })], '23502'),
  statementCase(
    'NULLs in a unique key are equal to no value',
    [create('thing', { id: 'c', name: null }), create('thing', { id: 'd', name: null })],
    [A, B, { id: 'c' }, { id: 'd' }],
  ),
  statementCase(
    'upsert adds a row',
    [upsert('thing', { id: 'c', size: 3 }, { conflict: ['id'] })],
    [A, B, { id: 'c', size: 3 }],
  ),
  statementCase(
    'upsert overwrites the columns given and no others',
    [upsert('thing', { id: 'a', size: 9 }, { conflict: ['id'] })],
    [{ ...A, size: 9 }, B],
  ),
  statementCase(
    'upsert by another unique key may change the first one',
    [upsert('thing', { id: 'c', name: 'Ann', size: 3 }, { conflict: ['name'] })],
    [{ ...A, id: 'c', size: 3 }, B],
  ),
  statementCase(
    'upsert fails on a unique key that it does not name',
    [upsert('thing', { id: 'a', name: 'Cid' }, { conflict: ['name'] })],
    '23505',
  ),
  statementCase(
    'upsert fails on a name that another row has already',
    [upsert('thing', { id: 'a', name: 'Bo' }, { conflict: ['id'] })],
    '23505',
  ),
  statementCase('upsert needs a unique key', [upsert('thing', { id: 'a', size: 1 }, { conflict: ['size'] })], '42P10'),
  statementCase(
    'update sets columns of the rows that match',
    [update('thing', { note: 'x' }, { size: 1 })],
    [{ ...A, note: 'x' }, B],
  ),
  statementCase('update of no row does nothing', [update('thing', { note: 'x' }, { id: 'z' })], [A, B]),
  statementCase(
    'update may change a key',
    [update('thing', { id: 'z' }, { id: 'a' }), update('thing', { size: 5 }, { id: 'z' })],
    [{ ...A, id: 'z', size: 5 }, B],
  ),
  statementCase('update fails on a key that another row has', [update('thing', { name: 'Bo' }, { id: 'a' })], '23505'),
  statementCase(
    'every condition must hold',
    [update('thing', { size: 9 }, { id: 'a', name: 'Bo' }), remove('thing', { id: 'b', size: 1 })],
    [A, B],
  ),
  statementCase(
    'null matches NULL',
    [update('thing', { size: 0 }, { note: null })],
    [
      { ...A, size: 0 },
      { ...B, size: 0 },
    ],
  ),
  statementCase(
    'not matches every other value, NULL included',
    [update('thing', { note: 'x' }, { note: not('y'), name: not('Ann') })],
    [A, { ...B, note: 'x' }],
  ),
  statementCase(
    'not(null) matches every value that is not NULL',
    [create('thing', { id: 'c' }), remove('thing', { name: not(null) })],
    [{ id: 'c' }],
  ),
  statementCase(
    'remove frees the keys',
    [remove('thing', { id: 'a' }), create('thing', { id: 'c', name: 'Ann' })],
    [B, { id: 'c', name: 'Ann' }],
  ),
  statementCase('remove of no row does nothing', [remove('thing', { id: 'z' })], [A, B]),
  statementCase(
    'increment adds to the current value, and to 0 where the row or the value is missing',
    [
      update('thing', { size: increment(5) }, { id: 'a' }),
      upsert('thing', { id: 'b', size: increment(-1n) }, { conflict: ['id'] }),
      upsert('thing', { id: 'c', size: increment() }, { conflict: ['id'] }),
      create('thing', { id: 'd' }),
      update('thing', { size: increment(2) }, { id: 'd' }),
    ],
    [
      { ...A, size: 6 },
      { ...B, size: 1 },
      { id: 'c', size: 1 },
      { id: 'd', size: 2 },
    ],
  ),
  statementCase(
    'arrays are appended to, removed from and intersected in their own order, repeated values included',
    [
      update('thing', { tags: arrayAppend('x') }, { id: 'a' }),
      update('thing', { tags: arrayAppend('y') }, { id: 'a' }),
      update('thing', { tags: arrayAppend('x') }, { id: 'a' }),
      upsert('thing', { id: 'b', tags: arrayRemove('x') }, { conflict: ['id'] }),
      upsert('thing', { id: 'c', tags: arrayAppend('z') }, { conflict: ['id'] }),
      create('thing', { id: 'd', tags: ['p', 'q', 'r', 'q'] }),
      update('thing', { tags: arrayIntersect(['q', 'r', 's']) }, { id: 'd' }),
      create('thing', { id: 'e', tags: ['p', 'q', 'p'] }),
      update('thing', { tags: arrayRemove('p') }, { id: 'e' }),
    ],
    [
      { ...A, tags: ['x', 'y', 'x'] },
      { ...B, tags: [] },
      { id: 'c', tags: ['z'] },
      { id: 'd', tags: ['q', 'r', 'q'] },
      { id: 'e', tags: ['q'] },
    ],
  ),
  statementCase(
    'copy creates a row from another one, and set values replace copied ones',
    [
      copy('thing', {
        from: ['size', 'name', 'note'],
        to: ['size', 'note', 'tags'],
        set: { id: 'c', tags: ['t'] },
        where: { id: 'a' },
        conflict: ['id'],
      }),
    ],
    [A, B, { id: 'c', name: null, size: 1, note: 'Ann', tags: ['t'] }],
  ),
  statementCase(
    'copy overwrites an existing row, and does nothing where no row matches',
    [
      copy('thing', { from: ['size'], set: { id: 'b' }, where: { id: 'a' }, conflict: ['id'] }),
      copy('thing', { from: ['size'], set: { id: 'c' }, where: { id: 'z' }, conflict: ['id'] }),
    ],
    [A, { ...B, size: 1 }],
  ),
  statementCase(
    'copy that would write one row twice fails',
    [copy('thing', { from: ['size'], set: { id: 'c' }, where: { id: not('z') }, conflict: ['id'] })],
    '21000',
  ),
  statementCase(
    'several run in order, none does nothing',
    [
      multi(remove('thing', { id: 'a' }), multi(none(), create('thing', { ...A, size: 7 }))),
      none(),
      update('thing', { note: 'x' }, { id: 'a' }),
    ],
    [{ ...A, size: 7, note: 'x' }, B],
  ),
  statementCase(
    'an event that fails at its last statement undoes all of its statements',
    [
      remove('thing', { id: 'a' }),
      update('thing', { size: 9 }, { id: 'b' }),
      upsert('thing', { id: 'b', name: 'X' }, { conflict: ['id'] }),
      create('thing', { id: 'b' }),
    ],
    '23505',
  ),
  {
    name: 'a key of two columns compares each column',
    run: async (backend) => {
      const { did, run, expect } = await openFixture(backend);
      await did(create('mark', { a: 'x', b: 'yz' }), create('mark', { a: 'xy', b: 'z' }));
      await did(
        upsert('mark', { b: 'yz', a: 'x', note: 'n' }, { conflict: ['b', 'a'] }),
        remove('mark', { b: 'z', a: 'xy' }),
      );
      deepEqual(await run(), { kind: 'caught-up' });
      await expect('mark', { a: 'x', b: 'yz', note: 'n' });
    },
  },
  lookupCase(
    'a look-up passes on the value that it finds',
    { onMissing: 'fail', label: true, behind: false },
    'caught-up',
    {
      id: 'looker',
      note: 'found',
    },
  ),
  lookupCase(
    'a look-up waits for a projection that is behind',
    { onMissing: 'fail', label: true, behind: true },
    'waiting',
  ),
  lookupCase(
    'a look-up that may find nothing also waits for a projection that is behind',
    { onMissing: 'nothing', label: false, behind: true },
    'waiting',
  ),
  lookupCase('a look-up that misses fails the event', { onMissing: 'fail', label: false, behind: false }, 'missed'),
  lookupCase(
    'a look-up that may find nothing does nothing when it misses',
    { onMissing: 'nothing', label: false, behind: false },
    'caught-up',
  ),
];
