import { expect, test } from 'vitest';
import { defineProjection } from '../../src/core/projection.ts';
import { tableOwners } from '../../src/core/table-owners.ts';
import { create } from '../../src/read-model/statements/create-statement.ts';

const filling = (name: string, ...tables: readonly string[]) =>
  defineProjection<{ name: 'Noted'; payload: unknown }>()({
    name,
    tables: Object.fromEntries(tables.map((table) => [table, { key: ['id'] }])),
    on: { Noted: () => create('t', { id: 1 }) },
  });

test('each table is its projection’s', () => {
  const owners = tableOwners([filling('band', 'band', 'member'), filling('event', 'dance')]);
  expect([...owners]).toEqual([
    ['band', 'band'],
    ['member', 'band'],
    ['dance', 'event'],
  ]);
});

// Seen red with: the check of `first` taken out.
test('a table of two projections is refused, with the names of both', () => {
  const shared = () => tableOwners([filling('band', 'band'), filling('event', 'dance', 'band')]);
  expect(shared).toThrow(
    expect.objectContaining({
      code: 'TABLE_SHARED',
      fields: { table: 'band', first: 'band', other: 'band', second: 'event' },
    }),
  );
});

// Seen red with: `names.add` taken out.
test('two projections of one name would move each other’s position', () => {
  expect(() => tableOwners([filling('band', 'a'), filling('band', 'b')])).toThrow(
    expect.objectContaining({
      code: 'PROJECTION_INVALID',
      fields: { name: 'band', reason: 'another one has the same name' },
    }),
  );
});
