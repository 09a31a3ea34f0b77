import { expect, test } from 'vitest';
import { defineProjection, type EventShape } from '../../src/index.ts';
import { planReset } from '../../src/operations/reset-plan.ts';
import type { ReachedTable } from '../../src/read-model/foreign-keys.ts';

const projection = (name: string) =>
  defineProjection<EventShape>()({ name, tables: { [name]: { key: ['id'] } }, on: { Other: () => [] } });
const table = (name: string, more: Partial<ReachedTable> = {}): ReachedTable => ({
  table: name,
  declared: name,
  projection: name,
  kind: 'r',
  constraint: null,
  source: null,
  sourceProjection: null,
  ...more,
});
const from = (source: string, constraint: string | null = null) => ({ source, sourceProjection: source, constraint });

// Seen red with: edges without a constraint left out ("undefined references undefined (foreign key undefined)").
test.each([
  ['a foreign key', from('one', 'two_fkey'), 'two references one (foreign key two_fkey)'],
  ['inheritance', from('one'), 'two inherits from one'],
])('a projection that is reset with another one because of %s is named with that reason', (_what, edge, because) => {
  const plan = planReset('one', ['one', 'two'].map(projection), [table('one'), table('two', edge)]);
  expect(plan.also).toEqual([{ name: 'two', because }]);
});

// Seen red with: only the projections of reached tables in the plan (the reset then said that its row had been forgotten).
test('a reset of a projection whose only table does not exist names that table', () => {
  expect(() => planReset('one', [projection('one')], [])).toThrow(
    expect.objectContaining({ code: 'TABLE_MISSING', fields: { table: 'one', name: 'one' } }),
  );
});
