import { expect, test } from 'vitest';
import { defineProjection, type EventShape } from '../../src/index.ts';
import { planReset } from '../../src/operations/reset-plan.ts';
import type { ReachedTable } from '../../src/read-model/foreign-keys.ts';

const projection = (name: string) =>
  defineProjection<EventShape>()({ name, tables: { [name]: { key: ['id'] } }, on: { Noted: () => [] } });

const own = (name: string): ReachedTable => ({
  table: name,
  declared: name,
  projection: name,
  kind: 'r',
  constraint: null,
  source: null,
  sourceProjection: null,
});
const known = [projection('one'), projection('two')];
const reasonsFor = (...reached: readonly ReachedTable[]) =>
  planReset('one', known, [own('one'), ...reached]).also.map(({ because }) => because);

// Seen red with: `because` that looks for a foreign key alone ("undefined references undefined").
test.each([
  [{ constraint: 'two_fkey' }, 'two references one (foreign key two_fkey)'],
  [{ constraint: null }, 'two inherits from one, or is a partition of it'],
])('another projection is reset with it for the reason that its table was reached by: %o', (edge, reason) => {
  const reached = { ...own('two'), source: 'one', sourceProjection: 'one', ...edge };
  expect(reasonsFor(reached)).toEqual([reason]);
  // What reaches the table from inside its own projection is no reason.
  expect(reasonsFor({ ...own('two'), source: 'two', sourceProjection: 'two', constraint: 'self' }, reached)).toEqual([
    reason,
  ]);
});

test.each([
  [{ constraint: 'far_fkey' }, /archive references one \(foreign key far_fkey\) and belongs to no projection/],
  [{ constraint: null }, /archive inherits from one and belongs to no projection/],
])('a table of no projection refuses the reset, with what reaches it: %o', (edge, reason) => {
  const archive = {
    ...own('archive'),
    declared: null,
    projection: null,
    source: 'one',
    sourceProjection: 'one',
    ...edge,
  };
  expect(() => reasonsFor(archive)).toThrow(
    expect.objectContaining({ code: 'RESET_REFUSED', message: expect.stringMatching(reason) }),
  );
});
